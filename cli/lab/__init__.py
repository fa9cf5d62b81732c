"""Labs: exercises on a running cluster, checked by the evidence that they leave behind.

Belongs here: reading a lab's files, starting, checking, solving and resetting it, and a teacher's table of results.
Does not belong here: the exercises themselves, which are data and text under `labs/`. Only `cli` imports it.
"""
