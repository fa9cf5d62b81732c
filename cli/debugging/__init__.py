"""Taking a running cluster apart: its time, its messages, its faults, over the Debug service of every component.

Belongs here: the subcommands of `orrery` that look into or interfere with a cluster, each a pure part that decides and
a thin part that asks the components. Does not belong here: what carries an order out inside a component (`wire`).
Only `cli` imports it.
"""
