"""Edges: between whom a gate stands, what passes there, and which gates there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache

from cli.debugging.near import did_you_mean
from cli.errors import UserError

_SERVERS = {
    "orrery.api.v1.Api": "apiserver",
    "orrery.kubelet.v1.Kubelet": "kubelet",
    "runtime.v1.RuntimeService": "runtime",
    "runtime.v1.ImageService": "runtime",
}
# fmt: off
_RESOURCES = (
    "pods", "nodes", "services", "endpoints", "endpointslices", "namespaces", "configmaps", "secrets",
    "serviceaccounts", "events", "leases", "replicasets", "deployments", "statefulsets", "daemonsets", "jobs",
    "cronjobs", "replicationcontrollers", "persistentvolumes", "persistentvolumeclaims", "storageclasses",
    "networkpolicies", "resourcequotas", "limitranges", "priorityclasses", "horizontalpodautoscalers",
    "poddisruptionbudgets", "ingresses", "customresourcedefinitions",
)
# fmt: on
_ALWAYS = ("schedule:cycle", "schedule:bind", "nft:apply", "etcd:txn", "etcd:watch")
SERIAL = ("watch:*", "apiwatch:*", "etcd:watch")  # messages of one stream, which keep their order


def parties(component: str, edge: str) -> tuple[str, str, str]:
    """Who, to whom, what passes there."""
    kind, _, rest = edge.partition(":")
    service, _, method = rest.strip("/").partition("/")
    match kind:
        case "rpc":
            return component, _server(service, component), f"call {method}"
        case "serve":
            return _callers(service, component), component, f"call {method}"
        case "watch":
            return "apiserver", component, f"events of {rest}"
        case "apiwatch":
            return component, "each watcher", f"events of {rest}"
        case "reconcile":
            return f"queue of {rest}", component, "keys to reconcile"
        case "schedule":
            return component, component, {"cycle": "pods to schedule", "bind": "pods to bind"}.get(rest, rest)
        case "etcd" if rest == "watch":
            return "etcd", component, "changes"
        case "etcd":
            return component, "etcd", "transactions"
        case "docker":
            return component, "Docker", f"call {rest}"
        case "nft":
            return component, "nftables", "rules"
        case _:
            return component, "-", rest or edge


def _server(service: str, component: str) -> str:
    role = _SERVERS.get(service, service)
    node = component.partition("-")[2]
    return f"{role}-{node}" if role == "runtime" and node else role


def _callers(service: str, component: str) -> str:
    if service == "runtime.v1.RuntimeService" or service == "runtime.v1.ImageService":
        return f"kubelet-{component.removeprefix('runtime-')}"
    return {"orrery.api.v1.Api": "components", "orrery.kubelet.v1.Kubelet": "apiserver"}.get(service, "callers")


@cache
def vocabulary() -> tuple[str, ...]:
    """Every edge that a component may come to have, custom resources apart."""
    from proto import api_pb2, cri_pb2, kubelet_pb2

    files = (api_pb2.DESCRIPTOR, cri_pb2.DESCRIPTOR, kubelet_pb2.DESCRIPTOR)
    methods = [
        f"/{service.full_name}/{method.name}"
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    ]
    calls = [f"{side}:{method}" for side in ("rpc", "serve") for method in methods]
    events = [f"{side}:{resource}" for side in ("watch", "apiwatch") for resource in _RESOURCES]
    return (*_ALWAYS, *calls, *events)


def check_edge(pattern: str, seen: Iterable[str]) -> list[str]:
    """The edges that a pattern means. Raises UserError, naming the near ones, if there are none."""
    known = list(dict.fromkeys([*seen, *vocabulary()]))
    found = [edge for edge in known if fnmatchcase(edge, pattern)]
    if not found:
        raise UserError(f"no edge {pattern}{did_you_mean(pattern, known)}; orrery edges lists those that were used")
    return found


def keeps_order(pattern: str) -> bool:
    """Can no message overtake another there?"""
    return any(fnmatchcase(pattern, serial) for serial in SERIAL)
