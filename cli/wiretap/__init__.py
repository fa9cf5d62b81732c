"""`orrery wire`: the decoded traffic of a running cluster, live or from a recording.

Belongs here: choosing, ordering, showing and keeping what the components tell over `Debug.Wire`. Does not belong here:
how a component captures it (`wire.capture`, `wire.traffic`). Only `cli` imports it.
"""
