"""Every object in memory, at an exact revision, and the watchers who are told of each change.

One stream of etcd's changes feeds all of it. Belongs here: the caches, the ring of past events, watchers' queues, the
consistent read. Does not belong here: what a request's parameters mean (`registry`). Imported by `registry`,
`handlers` and the server; imports `storage`.
"""
