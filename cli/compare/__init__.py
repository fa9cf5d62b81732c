"""`orrery compare`: two implementations of a component on the same input, and where their decisions differ.

Each runs alone against a throw-away control plane of its own, is given the identical objects in the identical order,
one at a time, and comes to rest in between. What it wrote becomes decisions, which are data; the rest is pure.
"""
