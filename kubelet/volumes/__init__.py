"""A pod's volumes: each type in its own file, all of them in one table (`table.volume_types`).

Belongs here: making a directory or file on the node hold what a volume promises, keeping it current, and taking it
away. Does not belong here: how the runtime mounts it into a container.
"""
