"""All API traffic of a component: typed client, informers, work queues, the controller loop, events, leader election.

Belongs here: what every component does the same way when it talks to the apiserver. Does not belong here: what any one
of them decides. Components (except the apiserver) import it; it imports `wire`, `api`, `apimachinery` and `proto`.
`client.fake` is the same API in memory, for tests.
"""
