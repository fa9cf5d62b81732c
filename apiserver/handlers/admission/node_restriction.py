"""NodeRestriction: a kubelet writes its own node, the pods on it, its lease, and nothing that others rely on."""

from __future__ import annotations

from typing import Any, Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, find, refuse
from apiserver.handlers.admission.service_account import is_mirror
from apiserver.handlers.authz_node import node_of
from apiserver.registry.request import JSON

_PODS: Final = GVR("", "v1", "pods")
LEASE_NAMESPACE: Final = "kube-node-lease"
RESTRICTED_LABELS: Final = "node-restriction.kubernetes.io/"
KUBELET_LABELS: Final = frozenset(
    (
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    )
)
KUBELET_PREFIXES: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction(Plugin):
    name = "NodeRestriction"

    async def validate(self, request: AdmissionRequest) -> None:
        node = node_of(request.user)
        if not node:
            return
        kind = (request.gvr.group, request.gvr.resource)
        if kind == ("", "pods"):
            await _pods(request, node)
        elif kind == ("", "nodes"):
            _nodes(request, node)
        elif kind == ("coordination.k8s.io", "leases"):
            _leases(request, node)
        elif kind == ("storage.k8s.io", "csinodes") and request.name != node:
            raise refuse(request, f'can only access CSINode with the same name as the requesting node "{node}"')
        elif kind == ("", "serviceaccounts") and request.subresource == "token":
            await _token(request, node)


async def _pods(request: AdmissionRequest, node: str) -> None:
    pod = request.obj or {}
    if request.subresource == "status":
        if _node_of_pod(pod) != node or _node_of_pod(request.old) != node:
            raise refuse(request, f'node "{node}" can only update pod status for pods with spec.nodeName set to itself')
    elif request.subresource == "eviction":
        found = await find(request, _PODS, request.namespace, request.name)
        if found is not None and _node_of_pod(found) != node:
            raise refuse(request, f'node "{node}" can only evict pods with spec.nodeName set to itself')
    elif request.subresource:
        return
    elif request.verb == "delete":
        if request.old is not None and _node_of_pod(request.old) != node:
            raise refuse(request, f'node "{node}" can only delete pods with spec.nodeName set to itself')
    elif request.verb == "create":
        _mirror(request, pod, node)
    elif request.verb == "update":
        raise refuse(request, f'unexpected operation "UPDATE", node "{node}" can only create and delete mirror pods')


def _node_of_pod(pod: JSON | None) -> Any:
    return ((pod or {}).get("spec") or {}).get("nodeName")


def _mirror(request: AdmissionRequest, pod: JSON, node: str) -> None:
    if not is_mirror(pod):
        why = 'pod does not have "kubernetes.io/config.mirror" annotation'
        raise refuse(request, f'{why}, node "{node}" can only create mirror pods')
    if _node_of_pod(pod) != node:
        raise refuse(request, f'node "{node}" can only create pods with spec.nodeName set to itself')
    if (pod.get("spec") or {}).get("serviceAccountName"):
        raise refuse(request, f'node "{node}" can not create pods that reference a service account')


def _nodes(request: AdmissionRequest, node: str) -> None:
    if request.name and request.name != node:
        raise refuse(request, f'node "{node}" is not allowed to modify node "{request.name}"')
    if request.obj is None or request.verb not in ("create", "update"):
        return
    old = request.old or {}
    changed = sorted(_forbidden_labels(old, request.obj))
    if changed:
        raise refuse(request, f'node "{node}" is not allowed to modify labels: {", ".join(changed)}')
    before, after = ((one.get("spec") or {}).get("taints") or [] for one in (old, request.obj))
    if request.verb == "update" and before != after:
        raise refuse(request, f'node "{node}" is not allowed to modify taints')


def _forbidden_labels(old: JSON, new: JSON) -> set[str]:
    before, after = ((node.get("metadata") or {}).get("labels") or {} for node in (old, new))
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    return {key for key in changed if not may_set_label(key)}


def may_set_label(key: str) -> bool:
    """Kubernetes' own labels are not for kubelets to set, but for those that describe their machine."""
    if key in KUBELET_LABELS:
        return True
    prefix = key.partition("/")[0] if "/" in key else ""
    if any(prefix == allowed or prefix.endswith(f".{allowed}") for allowed in KUBELET_PREFIXES):
        return True
    if f"{prefix}/".endswith(RESTRICTED_LABELS):
        return False
    return not any(prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubernetes.io", "k8s.io"))


def _leases(request: AdmissionRequest, node: str) -> None:
    if request.namespace != LEASE_NAMESPACE:
        raise refuse(request, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    if request.name and request.name != node:
        raise refuse(request, f'can only access node lease with the same name as the requesting node "{node}"')


async def _token(request: AdmissionRequest, node: str) -> None:
    bound = ((request.obj or {}).get("spec") or {}).get("boundObjectRef") or {}
    if bound.get("kind") != "Pod" or not bound.get("name"):
        raise refuse(request, "node requested token not bound to a pod")
    pod = await find(request, _PODS, request.namespace, bound["name"])
    if pod is None or pod["metadata"].get("uid") != bound.get("uid"):
        raise refuse(request, "node requested token bound to a pod that does not exist")
    if _node_of_pod(pod) != node:
        raise refuse(request, "node requested token bound to a pod scheduled on a different node")
