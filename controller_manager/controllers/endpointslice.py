"""EndpointSlice: the addresses behind a Service in slices of at most 100, which is what kube-proxy and DNS read.

Watches: Services, Pods, Nodes (zones), EndpointSlices. Owns: slices labelled as its own. Writes: those.
Invariant: each endpoint is in exactly one slice; a change of one pod rewrites one slice, and new endpoints fill up
slices that are written anyway, before others.
Source of the rules: pkg/controller/endpointslice and KEP-752, Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from api.meta import owner_reference
from api.node import Node
from api.service import Endpoint, EndpointSlice, Service
from apimachinery.errors import ApiError
from client.in_order import after
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import UNSETTLED, count, decide
from controller_manager.limits import ENDPOINTS_PER_SLICE, POD_WORKERS
from controller_manager.own_writes import OwnWrites
from controller_manager.pods import PodView, is_ready, is_terminating
from controller_manager.service_pods import (
    Port,
    belongs,
    copied_labels,
    has_endpoints,
    hostname_of,
    is_headless,
    ports_of,
    selected,
    services_to_wake,
    target_reference,
)
from controller_manager.settling import wake

JSON = dict[str, Any]

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
HEADLESS: Final = "service.kubernetes.io/headless"
ZONE: Final = "topology.kubernetes.io/zone"
_SERVICE_INDEX: Final = "service"


@dataclass(frozen=True)
class Group:
    """What all endpoints of a slice share."""

    address_type: str
    ports: tuple[Port, ...]


@dataclass(frozen=True)
class Create:
    group: Group
    endpoints: tuple[JSON, ...]

    def __str__(self) -> str:
        return f"create with {count(len(self.endpoints), 'endpoint')}"


@dataclass(frozen=True)
class Update:
    slice: EndpointSlice
    endpoints: tuple[JSON, ...]

    def __str__(self) -> str:
        return f"update {self.slice.name} to {count(len(self.endpoints), 'endpoint')}"


@dataclass(frozen=True)
class Delete:
    slice: EndpointSlice

    def __str__(self) -> str:
        return f"delete {self.slice.name}"


Action = Create | Update | Delete


# --- decide ----------------------------------------------------------------------------------------------------------


def desired(service: Service, pods: Iterable[PodView], zones: Mapping[str, str]) -> dict[Group, dict[str, JSON]]:
    """Endpoints by what they share, and by the pod behind them. `zones`: by node name."""
    groups: dict[Group, dict[str, JSON]] = {}
    for pod in pods:
        if not belongs(pod, include_terminating=True):
            continue
        ports = tuple(sorted(ports_of(service, pod)))
        if service.spec.ports and not ports:
            continue
        for address_type in service.spec.ip_families or ("IPv4",):
            address = _address(pod, address_type)
            if address:
                group = groups.setdefault(Group(address_type, ports), {})
                group[pod.uid] = _endpoint(service, pod, address, zones.get(pod.spec.node_name, ""))
    return groups


def _address(pod: PodView, address_type: str) -> str:
    addresses = [one.ip for one in pod.status.pod_ips] or [pod.status.pod_ip]
    return next((one for one in addresses if (":" in one) == (address_type == "IPv6")), "")


def _endpoint(service: Service, pod: PodView, address: str, zone: str) -> JSON:
    serving, terminating = is_ready(pod), is_terminating(pod)
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    endpoint: JSON = {
        "addresses": [address],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": target_reference(pod),
    }
    optional = {"hostname": hostname_of(service, pod), "nodeName": pod.spec.node_name, "zone": zone}
    return endpoint | {name: value for name, value in optional.items() if value}


@dataclass
class _Draft:
    """A slice in the making."""

    slice: EndpointSlice
    endpoints: list[JSON] = field(default_factory=list)
    changed: bool = False

    @property
    def room(self) -> int:
        return ENDPOINTS_PER_SLICE - len(self.endpoints)


def plan(wanted: Mapping[Group, Mapping[str, JSON]], present: Iterable[EndpointSlice]) -> list[Action]:
    """The fewest writes that make the slices say what is wanted."""
    slices = [one for one in present if one.metadata.deletion_timestamp is None]
    wanted = wanted or {Group("IPv4", ()): {}}  # a Service without endpoints has one empty slice, so watchers know
    actions: list[Action] = [Delete(one) for one in slices if group_of(one) not in wanted]
    for group, endpoints in wanted.items():
        actions += _plan_group(group, endpoints, [one for one in slices if group_of(one) == group])
    return actions


def group_of(one: EndpointSlice) -> Group:
    ports = (Port(port.name or "", port.port or 0, port.protocol or "TCP", port.app_protocol) for port in one.ports)
    return Group(one.address_type, tuple(sorted(ports)))


def _plan_group(group: Group, wanted: Mapping[str, JSON], slices: list[EndpointSlice]) -> list[Action]:
    missing = dict(wanted)
    drafts = [_keep(one, missing) for one in slices]
    pending = list(missing.values())
    _fill([draft for draft in drafts if draft.changed and draft.endpoints], pending)
    full = len(pending) - len(pending) % ENDPOINTS_PER_SLICE
    rest = pending[full:]
    if rest:
        _fill(_tightest_fit(drafts, len(rest)), rest)
    pending = pending[:full] + rest
    actions: list[Action] = []
    kept = [draft for draft in drafts if draft.endpoints]
    placeholder = not kept and not pending
    for index, draft in enumerate(drafts):
        if draft.endpoints or (placeholder and index == 0):
            if draft.changed:
                actions.append(Update(draft.slice, tuple(draft.endpoints)))
        else:
            actions.append(Delete(draft.slice))
    chunks = range(0, len(pending), ENDPOINTS_PER_SLICE)
    actions += [Create(group, tuple(pending[start : start + ENDPOINTS_PER_SLICE])) for start in chunks]
    if placeholder and not drafts:
        actions.append(Create(group, ()))
    return actions


def _keep(one: EndpointSlice, missing: dict[str, JSON]) -> _Draft:
    """What stays in the slice, in its newest form; it is no longer missing."""
    draft = _Draft(one)
    for endpoint in one.endpoints:
        uid = endpoint.target_ref.uid if endpoint.target_ref is not None else ""
        wanted = missing.pop(uid, None)
        if wanted is None:
            draft.changed = True
            continue
        draft.endpoints.append(wanted)
        draft.changed = draft.changed or msgspec.convert(wanted, Endpoint) != endpoint
    return draft


def _fill(drafts: Iterable[_Draft], pending: list[JSON]) -> None:
    for draft in drafts:
        taken, pending[:] = pending[: draft.room], pending[draft.room :]
        if taken:
            draft.endpoints += taken
            draft.changed = True


def _tightest_fit(drafts: Iterable[_Draft], count: int) -> list[_Draft]:
    """One slice that takes them all, the fullest such; a slice that would help with half of them is left alone."""
    fitting = [draft for draft in drafts if draft.room >= count]
    return [min(fitting, key=lambda draft: draft.room)] if fitting else []


def compute_labels(service: Service) -> dict[str, str]:
    labels = copied_labels(service, (HEADLESS, SERVICE_NAME, MANAGED_BY))
    labels |= {SERVICE_NAME: service.name, MANAGED_BY: MANAGER}
    return labels | ({HEADLESS: ""} if is_headless(service) else {})


# --- observe and act -------------------------------------------------------------------------------------------------


def _service_key(one: EndpointSlice) -> tuple[str, ...]:
    labels = one.metadata.labels
    if labels.get(MANAGED_BY) != MANAGER or SERVICE_NAME not in labels:
        return ()
    return (f"{one.namespace}/{labels[SERVICE_NAME]}",)


class EndpointSliceController:
    name = "endpointslice"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._pods = context.pods
        self._services = context.informers.get(Service)
        self._slices = context.informers.get(EndpointSlice, indexes={_SERVICE_INDEX: _service_key})
        self._nodes = context.informers.get(Node)
        self._recorder = context.recorder("endpoint-slice-controller")
        self._written = OwnWrites(context.clock, self._slices)
        self._sizes: dict[str, int] = {}
        """Pods behind a Service when it was last looked at."""
        self.queue = context.queue(self.name)
        self._services.add_handler(self._on_service)
        self._slices.add_handler(self._on_slice)
        self._pods.add_handler(after(self._services, self._on_pod))
        self._nodes.add_handler(self._on_node)

    def _on_service(self, event: Event[Service]) -> None:
        if event.type == "DELETED":
            self._written.forget(event.object.key)
            self._sizes.pop(event.object.key, None)
        self.queue.add(event.object.key)

    def _on_slice(self, event: Event[EndpointSlice]) -> None:
        for key in {key for one in (event.old, event.new) if one is not None for key in _service_key(one)}:
            wake(self.queue, key, self._sizes.get(key, 0))

    def _on_pod(self, event: Event[PodView]) -> None:
        for key in services_to_wake(event, self._services):
            wake(self.queue, key, self._sizes.get(key, 0))

    def _on_node(self, event: Event[Node]) -> None:
        """A node that changes its zone changes its pods' endpoints."""
        zones = {one.metadata.labels.get(ZONE) for one in (event.old, event.new) if one is not None}
        if event.type == "MODIFIED" and len(zones) > 1:
            for service in self._services.list():
                self.queue.add(service.key)

    async def reconcile(self, key: str) -> float | None:
        service = self._services.get(key)
        if service is None or not has_endpoints(service) or service.metadata.deletion_timestamp is not None:
            return None  # its slices go with it, or are someone else's
        pause = self._written.pause(key)
        if pause is not None:
            decide(why=UNSETTLED)
            return pause
        pods = [
            pod for pod in self._pods.by_index("namespace", service.namespace) if selected(service, pod.metadata.labels)
        ]
        self._sizes[key] = len(pods)
        present = self._slices.by_index(_SERVICE_INDEX, key)
        actions = plan(desired(service, pods, self._zones(pods)), present)
        decide(*actions, why=f"{count(len(pods), 'pod')} selected")
        rewritten = {action.slice.key for action in actions if not isinstance(action, Create)}
        for action in actions:
            await self._perform(service, action)
        await self._correct_labels(service, [one for one in present if one.key not in rewritten])
        return None

    def _zones(self, pods: Iterable[PodView]) -> dict[str, str]:
        names = {pod.spec.node_name for pod in pods}
        nodes = [node for node in map(self._nodes.get, names) if node is not None]
        return {node.name: node.metadata.labels.get(ZONE, "") for node in nodes}

    async def _perform(self, service: Service, action: Action) -> None:
        if isinstance(action, Create):
            self._written.note(service.key, await self._api.create(EndpointSlice, _body(service, action)))
        elif isinstance(action, Update):
            await self._patch(service, action.slice, {"endpoints": list(action.endpoints)})
        else:
            await self._delete(action.slice)

    async def _correct_labels(self, service: Service, slices: Iterable[EndpointSlice]) -> None:
        for one in slices:
            if one.metadata.labels != compute_labels(service):
                await self._patch(service, one, {})

    async def _patch(self, service: Service, one: EndpointSlice, patch: JSON) -> None:
        wanted = compute_labels(service)
        labels = wanted | dict.fromkeys(one.metadata.labels.keys() - wanted.keys())
        patch["metadata"] = {"resourceVersion": one.metadata.resource_version, "labels": labels}
        written = await self._api.patch(EndpointSlice, one.name, patch, namespace=one.namespace)
        self._written.note(service.key, written)

    async def _delete(self, one: EndpointSlice) -> None:
        options = {"preconditions": {"uid": one.uid}}
        try:
            await self._api.delete(EndpointSlice, one.name, namespace=one.namespace, options=options)
        except ApiError as error:
            if error.code != 404:
                raise


def _body(service: Service, action: Create) -> JSON:
    return {
        "metadata": {
            "generateName": f"{service.name}-",
            "namespace": service.namespace,
            "labels": compute_labels(service),
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": action.group.address_type,
        "endpoints": list(action.endpoints),
        "ports": [port.to_json() for port in action.group.ports],
    }


def build(context: Context) -> Managed:
    controller = EndpointSliceController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
