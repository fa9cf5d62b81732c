"""Objects in etcd: keys as upstream's, values a protobuf envelope, every write one conditional transaction.

Belongs here: all that speaks etcd's protocol, and nothing else. Does not belong here: what an object means. `watch`
and `registry` import it; only this package may import the etcd client library.
"""
