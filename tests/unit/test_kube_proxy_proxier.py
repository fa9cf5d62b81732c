"""The sync loop over the in-memory apiserver and backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.service import EndpointSlice, Service
from apimachinery.clock import FakeClock
from client.fake import FakeApi
from client.informer import InformerFactory
from kube_proxy.backends.backend import BackendError, Desired
from kube_proxy.backends.memory import MemoryBackend
from kube_proxy.proxier import GATE, Proxier
from kube_proxy.services import Target
from proto.debug_pb2 import WireRequest
from wire import trace
from wire.gates import Action, Rule
from wire.seams import make_seams

VIP = "10.96.0.20"


class Flaky(MemoryBackend):
    """Fails as often as told."""

    failures = 0
    applies = 0
    well = True

    async def apply(self, desired: Desired) -> bool:
        self.applies += 1
        if self.failures:
            self.failures -= 1
            raise BackendError("not now")
        return await super().apply(desired)

    async def check(self) -> bool:
        return self.well


class Node:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock)
        self.seams = make_seams("kube-proxy-a", self.clock)
        self.backend = Flaky("10.240.0.11")
        self.informers = InformerFactory(self.api, self.seams)
        self.proxier = Proxier(self.informers, self.backend, self.seams, "a")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informers.run())
            group.create_task(self.proxier.run())

    async def add_service(self, name: str = "web", **spec: Any) -> None:
        ports = [{"port": 80, "nodePort": 30080}]
        body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"clusterIP": VIP, "ports": ports, **spec}}
        await self.api.create(Service, body)

    async def set_endpoints(self, *ips: str) -> None:
        endpoints = [{"addresses": [ip], "nodeName": "a", "conditions": {"ready": True}} for ip in ips]
        labels = {"kubernetes.io/service-name": "web"}
        body = {
            "metadata": {"name": "web-1", "namespace": "default", "labels": labels},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"port": 8080}],
        }
        known = any(one["metadata"]["name"] == "web-1" for one in self.api.server.store.trees(EndpointSlice.RESOURCE))
        if known:
            await self.api.patch(EndpointSlice, "web-1", body, namespace="default")
        else:
            await self.api.create(EndpointSlice, body)
        await self.clock.advance(1)

    def targets(self) -> list[str]:
        return [target.ip for target in self.backend.resolve(VIP, 80)]


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    made = Node()
    running = asyncio.create_task(made.run())
    await made.clock.advance(1)
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_rules_follow_endpoints(node: Node) -> None:
    await node.add_service()
    await node.set_endpoints("10.244.0.1", "10.244.0.2")
    assert node.targets() == ["10.244.0.1", "10.244.0.2"]
    await node.set_endpoints("10.244.0.2")
    assert node.targets() == ["10.244.0.2"]
    await node.api.delete(Service, "web", namespace="default")
    await node.clock.advance(1)
    with pytest.raises(LookupError):
        node.targets()


async def test_changes_that_come_together_are_applied_together(node: Node) -> None:
    before = node.backend.applies
    for number in range(20):
        await node.add_service(f"s{number}", clusterIP=f"10.96.1.{number}")
    await node.clock.advance(1)
    assert node.backend.applies - before <= 2


async def test_failures_are_retried_until_they_end(node: Node) -> None:
    node.backend.failures = 4
    await node.add_service()
    await node.set_endpoints("10.244.0.1")
    await node.clock.advance(10)
    assert node.targets() == ["10.244.0.1"]


async def test_a_dropped_sync_is_tried_again(node: Node) -> None:
    node.seams.gates.add(Rule(GATE, Action.DROP, count=2))
    await node.add_service()
    await node.set_endpoints("10.244.0.1")
    await node.clock.advance(5)
    assert node.targets() == ["10.244.0.1"]


async def test_a_lost_table_is_put_back(node: Node) -> None:
    before = node.backend.applies
    node.backend.well = False
    await node.clock.advance(11)
    assert node.backend.applies > before


async def test_rules_stay_while_the_apiserver_is_away(node: Node) -> None:
    await node.add_service()
    await node.set_endpoints("10.244.0.1")
    node.api.server.go_down()
    await node.clock.advance(60)
    assert node.targets() == ["10.244.0.1"]
    node.api.server.come_up()
    await node.set_endpoints("10.244.0.9")
    await node.clock.advance(5)
    assert node.targets() == ["10.244.0.9"]


async def test_a_sync_belongs_to_the_trace_of_the_change(node: Node) -> None:
    token = trace.attach("00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    await node.add_service()
    trace.detach(token)
    await node.clock.advance(1)
    assert [span.name for span in node.seams.tracer.spans("ab" * 16)] == ["watch:services", "rules update", "sync"]


async def test_node_ports_and_policies_in_memory(node: Node) -> None:
    await node.add_service(type="NodePort", externalTrafficPolicy="Local")
    await node.set_endpoints("10.244.0.1")
    assert node.backend.resolve("10.240.0.11", 30080, inside=False) == (Target("10.244.0.1", 8080),)


async def test_listeners_are_told_what_is_applied_and_what_is_refused(node: Node) -> None:
    with node.seams.capture.listen(WireRequest(bodies=True, method=GATE)) as listener:
        await node.add_service()
        await node.clock.advance(1)
        done = await anext(listener.messages())
        node.backend.failures = 1
        await node.add_service("other", clusterIP="10.96.0.21")
        await node.clock.advance(1)
        failed = await anext(listener.messages())
    assert (done.caller, done.callee, done.method, done.name) == ("kube-proxy-a", "nftables", GATE, "a")
    assert VIP in json.loads(done.request) and json.loads(done.request).startswith("default/web: ")
    assert (done.status, failed.status, failed.failed) == ("OK", "BackendError", True)
