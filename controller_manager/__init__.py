"""The controller-manager: control loops that make the cluster match what its objects say.

Belongs here: controllers whose world is the API alone (workloads, endpoints, namespaces, node lifecycle, garbage).
Does not belong here: what touches a node, a socket or etcd. Nobody imports it; it imports `client` and what is below.
It acts under one identity, `system:kube-controller-manager`, and only while it holds the lease of that name.
"""
