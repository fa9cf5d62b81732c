"""`orrery trace`: one causal tree of everything that a command, or a write, set off.

Belongs here: gathering spans from all components, joining them into a tree by parents and links, finding its critical
path, and showing it as text, OTLP or HTML. What makes spans is `wire.trace`. Only `cli` imports it.
"""
