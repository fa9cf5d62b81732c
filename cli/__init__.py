"""The `orrery` command: makes a cluster's certificates, starts its processes, watches over them, takes them down.

Belongs here: what runs where, and what people type. It starts components as processes and imports none of them; it
talks to them as any client does. Nobody imports it.
"""
