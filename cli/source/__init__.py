"""A component's source while its cluster runs: stopped, started, restarted on a change, replaced by somebody else's.

Belongs here: what is wanted of each component (`wanted.py`, which the supervisor carries out) and the subcommands that
change it. Does not belong here: starting and ending processes (`cli.supervisor`). Only `cli` imports it.
"""
