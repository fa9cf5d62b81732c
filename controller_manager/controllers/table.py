"""All controllers, by name: one line each. `build` gives one that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from controller_manager.context import Context, Managed
from controller_manager.controllers import (
    deployment,
    endpoints,
    endpointslice,
    garbage,
    job,
    namespace,
    node_ipam,
    node_lifecycle,
    pod_gc,
    replicaset,
    root_ca,
    serviceaccount,
    taint_eviction,
    ttl_after_finished,
)

CONTROLLERS: Final[Mapping[str, Callable[[Context], Managed]]] = {
    "deployment": deployment.build,
    "endpoints": endpoints.build,
    "endpointslice": endpointslice.build,
    "garbage-collector": garbage.build,
    "job": job.build,
    "namespace": namespace.build,
    "node-ipam": node_ipam.build,
    "node-lifecycle": node_lifecycle.build,
    "pod-garbage-collector": pod_gc.build,
    "replicaset": replicaset.build,
    "root-ca-publisher": root_ca.build,
    "serviceaccount": serviceaccount.build,
    "taint-eviction": taint_eviction.build,
    "ttl-after-finished": ttl_after_finished.build,
}
