"""Faults that a lab draws and hides, for students to find.

Belongs here: the table of faults, drawing one by a seed, setting it unseen and taking it away. Does not belong here:
how an answer is judged (`cli/lab/kinds`), nor how others keep it to themselves (`cli.debugging.hidden`).
"""
