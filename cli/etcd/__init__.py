"""`orrery etcd`: the cluster's only truth, looked at, watched, backed up and restored.

Belongs here: asking the apiserver's `EtcdView` and showing its answers; running the real `etcdctl` for snapshots. Does
not belong here: etcd's protocol, which only `apiserver.storage` speaks. Only `cli` imports it.
"""
