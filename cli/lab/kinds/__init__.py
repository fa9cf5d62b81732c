"""Kinds of check, one module each: a pure function from a check's facts and the evidence to a verdict.

Belongs here: how evidence is judged. Does not belong here: how it is got. `table.py` lists them all.
"""
