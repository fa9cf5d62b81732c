"""What verbs mean to objects: the generic registry, and one strategy per kind.

Belongs here: create, update, patch, delete, list and watch in Kubernetes' terms, subresources, conversion between
versions of one resource. Does not belong here: etcd (`storage`), HTTP and gRPC (the front doors), who may do what
(`handlers`). `handlers` and the front doors import it; it imports `storage` and `watch`.
"""
