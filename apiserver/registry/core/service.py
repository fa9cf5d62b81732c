"""Services: a stable address. Cluster IPs and node ports are claimed in `service_allocation`."""

from __future__ import annotations

from apimachinery import names
from apiserver.registry.checks import JSON, Errors
from apiserver.registry.core.service_allocation import Allocator
from apiserver.registry.core.service_validation import validate_service, validate_service_update
from apiserver.registry.strategy import Context, Strategy

WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
AFFINITY_SECONDS = 10800


class ServiceStrategy(Strategy):
    allow_create_on_update = True
    selectable_fields = ("spec.clusterIP", "spec.type")
    status_metadata = frozenset(("annotations", "finalizers"))

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator

    def name_errors(self, name: str) -> list[str]:
        return names.dns1035_label(name)

    def defaults(self, obj: JSON) -> None:
        default_service(obj.setdefault("spec", {}))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"loadBalancer": {}}
        drop_type_dependent(obj["spec"])
        self._allocator.families(obj["spec"])

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        patch_allocated(old["spec"], new["spec"])
        drop_type_dependent(new["spec"])
        self._allocator.families(new["spec"])

    def validate(self, obj: JSON) -> Errors:
        return validate_service(obj, self._allocator)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_service_update(old, new) + self.validate(new)

    async def allocate(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        await self._allocator.allocate(ctx, old, new)

    async def rollback(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        await self._allocator.release(ctx, new, keep=old)

    def preview_allocation(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        self._allocator.preview(ctx, old, new)

    async def after_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        await self._allocator.release(ctx, old, keep=new)

    async def after_delete(self, ctx: Context, obj: JSON) -> None:
        await self._allocator.release(ctx, obj, keep=None)


def default_service(spec: JSON) -> None:
    for key, value in (("type", "ClusterIP"), ("sessionAffinity", "None")):
        if not spec.get(key):
            spec[key] = value
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", AFFINITY_SECONDS)
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if port.get("targetPort") in (None, "", 0) and port.get("port"):
            port["targetPort"] = port["port"]
    kind = spec["type"]
    external = kind in WITH_NODE_PORTS or (kind == "ClusterIP" and bool(spec.get("externalIPs")))
    if external and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in ("ClusterIP", *WITH_NODE_PORTS) and not spec.get("internalTrafficPolicy"):
        spec["internalTrafficPolicy"] = "Cluster"
    if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True


def wants_node_ports(spec: JSON) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def drop_type_dependent(spec: JSON) -> None:
    """Fields that mean nothing for the type the Service now has are dropped, so that changing the type just works."""
    kind = spec.get("type")
    if kind == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            spec.pop(key, None)
    if kind not in WITH_NODE_PORTS and not spec.get("externalIPs"):
        spec.pop("externalTrafficPolicy", None)
    if kind != "LoadBalancer":
        for key in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            spec.pop(key, None)
    if kind not in WITH_NODE_PORTS:
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)
    if not (kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"):
        spec.pop("healthCheckNodePort", None)


def patch_allocated(old: JSON, new: JSON) -> None:
    """Keep what was allocated where the update says nothing about it: a PUT need not repeat it."""
    if "ExternalName" not in (old.get("type"), new.get("type")):
        if not new.get("clusterIP") and not new.get("clusterIPs"):
            for key in ("clusterIP", "clusterIPs"):
                if key in old:
                    new[key] = old[key]
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if not new.get(key) and key in old:
                new[key] = old[key]
    if new.get("type") in WITH_NODE_PORTS and old.get("type") in WITH_NODE_PORTS:
        _patch_node_ports(old.get("ports") or [], new.get("ports") or [])
        if not new.get("healthCheckNodePort") and old.get("healthCheckNodePort"):
            new["healthCheckNodePort"] = old["healthCheckNodePort"]


def _patch_node_ports(old: list[JSON], new: list[JSON]) -> None:
    had = {(port.get("protocol"), port.get("port")): port.get("nodePort") for port in old}
    taken = {port.get("nodePort") for port in new}
    for port in new:
        mine = had.get((port.get("protocol"), port.get("port")))
        if not port.get("nodePort") and mine and mine not in taken:
            port["nodePort"] = mine
