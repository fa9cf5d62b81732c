"""All controllers, by name: one line each. `build` gives one that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from controller_manager.context import Context, Managed
from controller_manager.controllers import (
    clusterrole_aggregation,
    cronjob,
    daemonset,
    deployment,
    disruption_budget,
    endpoints,
    endpointslice,
    garbage,
    job,
    job_orphans,
    namespace,
    node_ipam,
    node_lifecycle,
    pod_gc,
    replicaset,
    replicationcontroller,
    root_ca,
    serviceaccount,
    statefulset,
    taint_eviction,
    ttl_after_finished,
)

CONTROLLERS: Final[Mapping[str, Callable[[Context], Managed]]] = {
    "clusterrole-aggregation": clusterrole_aggregation.build,
    "cronjob": cronjob.build,
    "daemonset": daemonset.build,
    "deployment": deployment.build,
    "disruption": disruption_budget.build,
    "endpoints": endpoints.build,
    "endpointslice": endpointslice.build,
    "garbage-collector": garbage.build,
    "job": job.build,
    "job-orphans": job_orphans.build,
    "namespace": namespace.build,
    "node-ipam": node_ipam.build,
    "node-lifecycle": node_lifecycle.build,
    "pod-garbage-collector": pod_gc.build,
    "replicaset": replicaset.build,
    "replicationcontroller": replicationcontroller.build,
    "root-ca-publisher": root_ca.build,
    "serviceaccount": serviceaccount.build,
    "statefulset": statefulset.build,
    "taint-eviction": taint_eviction.build,
    "ttl-after-finished": ttl_after_finished.build,
}
