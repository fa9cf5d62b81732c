"""`orrery cri`: calls of the CRI by hand, on one node's runtime, as its kubelet would make them.

Belongs here: methods and their fields by name, JSON to and from messages, one call. Does not belong here: what a
runtime does (`cri/`). Only `cli` imports it.
"""
