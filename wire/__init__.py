"""Everything that crosses a process boundary: channels, mTLS identity, gates, traces, the Debug service.

Belongs here: what every process needs to talk and to be taken apart. Does not belong here: what is said (that is
`client` on one side and the components on the other). Any component may import it; it imports only `proto`, `api`
and `apimachinery`.
"""
