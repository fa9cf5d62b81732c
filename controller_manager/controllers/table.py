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
    namespace,
    replicaset,
    root_ca,
    serviceaccount,
)

CONTROLLERS: Final[Mapping[str, Callable[[Context], Managed]]] = {
    "deployment": deployment.build,
    "endpoints": endpoints.build,
    "endpointslice": endpointslice.build,
    "garbage-collector": garbage.build,
    "namespace": namespace.build,
    "replicaset": replicaset.build,
    "root-ca-publisher": root_ca.build,
    "serviceaccount": serviceaccount.build,
}
