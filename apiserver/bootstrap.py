"""What every cluster is born with: namespaces, priority classes, default roles, and the `kubernetes` Service."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Any, Final

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.limits import BOOTSTRAP_RETRY_SECONDS, ENDPOINT_RECONCILE_SECONDS
from apiserver.registry.internal import InternalObjects
from apiserver.registry.request import JSON

log = logging.getLogger(__name__)

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
SERVICES: Final = GVR("", "v1", "services")
ENDPOINTS: Final = GVR("", "v1", "endpoints")
SLICES: Final = GVR("discovery.k8s.io", "v1", "endpointslices")
_RBAC: Final = "rbac.authorization.k8s.io"
_RESOURCES: Final[dict[str, GVR]] = {
    "Namespace": GVR("", "v1", "namespaces"),
    "PriorityClass": GVR("scheduling.k8s.io", "v1", "priorityclasses"),
    "ClusterRole": GVR(_RBAC, "v1", "clusterroles"),
    "ClusterRoleBinding": GVR(_RBAC, "v1", "clusterrolebindings"),
    "Role": GVR(_RBAC, "v1", "roles"),
    "RoleBinding": GVR(_RBAC, "v1", "rolebindings"),
}
_AUTO_UPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"


def first_objects() -> list[JSON]:
    namespaces = [{"kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES]
    return [
        *namespaces,
        _priority("system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their"
                  " current node."),
        _priority("system-cluster-critical", 2000000000, "Used for system critical pods that must run in the cluster,"
                  " but can be moved to another node if necessary."),
    ]  # fmt: skip


def _priority(name: str, value: int, description: str) -> JSON:
    return {
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "globalDefault": False,
        "description": description,
        "preemptionPolicy": "PreemptLowerPriority",
    }


async def bootstrap(objects: InternalObjects, policy: list[JSON]) -> None:
    """Create what is missing, and give back to default roles what they lost. Returns when all of it is there."""
    pending = [*first_objects(), *policy]
    while pending:
        pending = [obj for obj in pending if not await _ensured(objects, obj)]
        if pending:
            await asyncio.sleep(BOOTSTRAP_RETRY_SECONDS)  # real time: this waits for etcd


async def _ensured(objects: InternalObjects, obj: JSON) -> bool:
    """Whether nothing is left to do for this object."""
    try:
        await _ensure(objects, obj)
    except ApiError as error:
        log.warning("%s %s: %s", obj["kind"], obj["metadata"]["name"], error.message)
        return error.reason == "Invalid"
    return True


async def _ensure(objects: InternalObjects, obj: JSON) -> None:
    gvr = _RESOURCES[obj["kind"]]
    metadata = obj["metadata"]
    present = objects.get(gvr, metadata.get("namespace", ""), metadata["name"])
    if present is None:
        try:
            await objects.create(gvr, {**obj, "metadata": dict(metadata)})
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        return
    parts = repaired(present, obj)
    if parts:
        await objects.update(gvr, metadata.get("namespace", ""), metadata["name"], parts)


def repaired(present: JSON, wanted: JSON) -> JSON:
    """Fields of a default role or binding that lack something. Rules and subjects that others added stay."""
    if (present["metadata"].get("annotations") or {}).get(_AUTO_UPDATE) != "true":
        return {}
    found: JSON = {}
    for field in ("rules", "subjects"):
        if "aggregationRule" in wanted and field == "rules":
            continue
        lost: list[Any] = [one for one in wanted.get(field) or () if one not in (present.get(field) or ())]
        if lost:
            found[field] = [*(present.get(field) or ()), *lost]
    return found


class KubernetesService:
    """Keeps the Service `kubernetes` and its endpoints: how pods reach the apiserver."""

    def __init__(self, objects: InternalObjects, clock: Clock, service_cidr: str, address: str, port: int) -> None:
        self._objects = objects
        self._clock = clock
        self.cluster_ip = str(ipaddress.ip_network(service_cidr)[1])
        self._address = address
        self._port = port

    async def run(self) -> None:
        """Look, for ever, whether all of it is as it should be."""
        while True:
            try:
                await self.reconcile()
            except ApiError as error:
                log.warning("the `kubernetes` Service was not reconciled: %s", error.message)
            await self._clock.sleep(ENDPOINT_RECONCILE_SECONDS, "reconciling the `kubernetes` Service")

    async def reconcile(self) -> None:
        # k8s differs: with several apiservers it merges their addresses through leases; here the last one stands.
        if self._objects.get(SERVICES, "default", "kubernetes") is None:
            await self._create(SERVICES, self._service())
        wanted = {"subsets": [{"addresses": [{"ip": self._address}], "ports": [self._endpoint_port()]}]}
        meta = {"name": "kubernetes", "namespace": "default"}
        mirrored = {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}
        await self._put(ENDPOINTS, {"metadata": meta | mirrored, **wanted}, tuple(wanted))
        endpoint = {"addresses": [self._address], "conditions": {"ready": True}}
        version = ipaddress.ip_address(self._address).version
        slice_ = {"addressType": f"IPv{version}", "endpoints": [endpoint], "ports": [self._endpoint_port()]}
        labels = {"labels": {"kubernetes.io/service-name": "kubernetes"}}
        await self._put(SLICES, {"metadata": meta | labels, **slice_}, ("endpoints", "ports"))

    async def _put(self, gvr: GVR, obj: JSON, parts: tuple[str, ...]) -> None:
        present = self._objects.get(gvr, "default", "kubernetes")
        if present is None:
            await self._create(gvr, obj)
        elif any(present.get(part) != obj[part] for part in parts):
            await self._objects.update(gvr, "default", "kubernetes", {part: obj[part] for part in parts})

    async def _create(self, gvr: GVR, obj: JSON) -> None:
        try:
            await self._objects.create(gvr, obj)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _service(self) -> JSON:
        return {
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": self.cluster_ip,
                "clusterIPs": [self.cluster_ip],
                "ipFamilies": [f"IPv{ipaddress.ip_address(self.cluster_ip).version}"],
                "ipFamilyPolicy": "SingleStack",
                "sessionAffinity": "None",
                "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": self._port}],
            },
        }

    def _endpoint_port(self) -> JSON:
        return {"name": "https", "port": self._port, "protocol": "TCP"}
