"""The container runtime of a node, behind the public CRI (`runtime.v1`) over gRPC on a unix socket.

Belongs here: the CRI services (`runtime_service`, `image_service`, `streaming`), what they ask of a backend
(`backend`), and the backends: `docker/` maps CRI to a Docker Engine through the Docker SDK, `sim/` runs nothing and
behaves as told. Does not belong here: any decision about pods (the kubelet's) or about rules in the data path
(kube-proxy's). Nobody imports it: it is a process of its own, and CRI is its interface.
"""
