"""`orrery why`: why an object is as it is.

Belongs here: gathering evidence (objects, events, what components say they last did, what is held or faulted) and a
pure function from evidence to findings, each naming what it rests on. What components can tell of an object they
register in `wire.seams`. Only `cli` imports it.
"""
