"""A running cluster in either of its forms: processes of this host under a supervisor, or containers under Compose.

Belongs here: how a cluster is found, and what a command needs of it (who runs, where it serves, where its files lie,
how one component is stopped, started and restarted). Does not belong here: what commands do with that. Only `cli`
imports it.
"""
