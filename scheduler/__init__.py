"""The scheduler: watches pods without a node and nodes, decides, and binds.

Belongs here: the plugin framework, its plugins, the queue of waiting pods, the table of node state, the cycle, and the
record of why. Does not belong here: anything that runs a pod or changes a node. Nobody imports it; it imports `client`,
`wire`, `api` and `apimachinery`, and is the only package that imports NumPy.
"""
