"""Keeps the Node object and its Lease: registers, reports, renews. What it reports is computed in `node`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from api.coordination import Lease
from api.node import Node
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_micro_time
from client.api import ApiClient
from client.informer import Event, Informer
from kubelet.context import NOT_ASKED_YET, RuntimeFacts
from kubelet.limits import (
    API_RETRY_MAX_SECONDS,
    API_RETRY_SECONDS,
    LEASE_RENEW_SECONDS,
    LEASE_SECONDS,
    NODE_IMAGES,
    NODE_IMAGES_SECONDS,
    NODE_STATUS_REPORT_SECONDS,
    NODE_STATUS_SECONDS,
    RUNTIME_FIRST_SECONDS,
)
from kubelet.machine import Machine, read_pressure
from kubelet.node import (
    NodeSpec,
    image_list,
    node_annotations,
    node_object,
    node_status,
    not_ready_message,
    same_but_for_heartbeat,
)
from kubelet.runtime import CriRuntime
from wire.seams import Seams

log = logging.getLogger(__name__)

JSON = dict[str, Any]
LEASE_NAMESPACE = "kube-node-lease"


class NodeAgent:
    """One node's place in the API. `pod_cidr(text)` is called when the node gets its addresses."""

    def __init__(
        self,
        api: ApiClient,
        seams: Seams,
        spec: NodeSpec,
        machine: Machine,
        state_dir: Path,
        runtime: CriRuntime,
        facts: RuntimeFacts,
        pod_cidr: Callable[[str], None],
    ) -> None:
        self._api = api
        self._clock = seams.clock
        self._spec = spec
        self._machine = machine
        self._state_dir = state_dir
        self._runtime = runtime
        self._facts = facts
        self._pod_cidr = pod_cidr
        self._node = Node()
        self._nudged = asyncio.Event()
        self._sent: JSON = {}
        self._sent_at = 0.0
        self._images: list[JSON] = []
        self.informer: Informer[Node] = Informer(api, Node, seams, field_selector=f"metadata.name={spec.name}")
        self.informer.add_handler(self._seen)

    @property
    def node(self) -> Node:
        """As the API last had it."""
        return self._node

    def nudge(self) -> None:
        """Something worth reporting may have changed: look now."""
        self._nudged.set()

    async def run(self) -> None:
        """Never returns; survives the apiserver."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informer.run())
            await self._until_done(self._register, "register the node")
            group.create_task(self._report_for_ever())
            group.create_task(self._renew_for_ever())

    # --- registration

    async def _register(self) -> None:
        try:
            self._take(await self._api.create(Node, node_object(self._spec)))
            log.info("registered node %s", self._spec.name)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            meta = {"labels": self._spec.labels, "annotations": node_annotations(self._spec)}
            self._take(await self._api.patch(Node, self._spec.name, {"metadata": meta}))

    async def _until_done(self, act: Callable[[], Awaitable[None]], why: str) -> None:
        pause = API_RETRY_SECONDS
        while True:
            try:
                return await act()
            except ApiError as error:
                log.info("cannot %s yet: %s", why, error.message)
            await self._clock.sleep(pause, why)
            pause = min(pause * 2, API_RETRY_MAX_SECONDS)

    def _seen(self, event: Event[Node]) -> None:
        if event.new is not None:
            self._take(event.new)

    def _take(self, node: Node) -> None:
        if int(node.metadata.resource_version or 0) < int(self._node.metadata.resource_version or 0):
            return
        self._node = node
        if node.spec.pod_cidr:
            self._pod_cidr(node.spec.pod_cidr)

    # --- status

    async def _report_for_ever(self) -> None:
        if self._facts.problem == NOT_ASKED_YET:  # a restarted kubelet must not take a node for not ready for that
            await self._pause(RUNTIME_FIRST_SECONDS)
        while True:
            self._nudged.clear()
            await self._until_done(self._report, "report the node's status")
            await self._pause(NODE_STATUS_SECONDS)

    async def _pause(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds, "node status"))
        nudged = asyncio.ensure_future(self._nudged.wait())
        try:
            await asyncio.wait((sleeping, nudged), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            nudged.cancel()

    async def _report(self) -> None:
        now = self._clock.time()
        await self._look_at_images()
        status = node_status(
            self._spec, self._machine, self._facts, read_pressure(self._state_dir), self._images, self._node, now
        )
        due = now - self._sent_at >= NODE_STATUS_REPORT_SECONDS
        if not due and same_but_for_heartbeat(status, self._sent) and self._is_as_sent(status):
            return
        meta = {"resourceVersion": self._node.metadata.resource_version}
        try:
            body = {"metadata": meta, "status": status}
            self._take(await self._api.patch(Node, self._spec.name, body, subresource="status"))
        except ApiError as error:
            if error.code == 409:
                self._node = await self._api.get(Node, self._spec.name)
            raise
        if not same_but_for_heartbeat(status, self._sent):
            log.info("node %s: %s", self._spec.name, not_ready_message(self._facts) or "ready")
        self._sent, self._sent_at = status, now

    def _is_as_sent(self, status: JSON) -> bool:
        """Has nobody said otherwise since? The node controller does when it has not heard of us for long."""
        wanted = {one["type"]: one["status"] for one in status["conditions"]}
        return wanted == {one.type: one.status for one in self._node.status.conditions}

    async def _look_at_images(self) -> None:
        if self._facts.problem:
            return
        try:
            async with asyncio.timeout(NODE_IMAGES_SECONDS):
                self._images = image_list(await self._runtime.list_images(), NODE_IMAGES)
        except (ApiError, TimeoutError) as error:
            log.debug("cannot list images: %s", error or "no answer")

    # --- lease

    async def _renew_for_ever(self) -> None:
        lease: Lease | None = None
        while True:
            try:
                lease = await self._renew(lease)
                pause = LEASE_RENEW_SECONDS
            except ApiError as error:
                log.debug("lease of %s: %s", self._spec.name, error.message)
                lease, pause = None, 1.0
            await self._clock.sleep(pause, f"renew the lease of node {self._spec.name}")

    async def _renew(self, lease: Lease | None) -> Lease:
        if lease is None:
            try:
                lease = await self._api.get(Lease, self._spec.name, LEASE_NAMESPACE)
            except ApiError as error:
                if error.code != 404:
                    raise
                return await self._api.create(Lease, self._lease(""))
        return await self._api.update(Lease, self._lease(lease.metadata.resource_version))

    def _lease(self, revision: str) -> JSON:
        owner = {"apiVersion": "v1", "kind": "Node", "name": self._spec.name, "uid": self._node.uid}
        meta: JSON = {"name": self._spec.name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
        if revision:
            meta["resourceVersion"] = revision
        spec = {
            "holderIdentity": self._spec.name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": format_micro_time(self._clock.time()),
        }
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
