"""The gRPC front door over mutual TLS, with the components' own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api.core import ConfigMap
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apiserver.rpc.service import api_service
from client.api import ApiClient, connect_api
from client.informer import Informer
from tests.support.apiserver import CONFIG_MAPS, PODS, Core, config_map, pod, running_core
from tests.support.etcd import EtcdProcess
from wire.rules import Action, Rule
from wire.seams import make_seams
from wire.server import serve
from wire.tls import TlsFiles

pytestmark = pytest.mark.etcd


@pytest.fixture
async def core(etcd: EtcdProcess, pki_dir: Path) -> AsyncIterator[Core]:
    async with running_core(etcd.address, pki_dir) as core:
        yield core


@pytest.fixture
async def address(core: Core, pki_dir: Path) -> AsyncIterator[str]:
    tls = TlsFiles.in_directory(pki_dir, "apiserver")
    service = api_service(core.server.pipeline, core.server.seams)
    async with serve("127.0.0.1:0", core.server.seams, tls, [service]) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def api(address: str, pki_dir: Path) -> AsyncIterator[ApiClient]:
    tls = TlsFiles.in_directory(pki_dir, "admin")
    async with connect_api(address, tls, make_seams("test", Clock())) as api:
        yield api


async def test_objects_cross_with_their_metadata_typed(api: ApiClient) -> None:
    await api.create_raw(CONFIG_MAPS, config_map("a", labels={"app": "x"}, key="ü"), namespace="default")
    found = await api.get_object(CONFIG_MAPS, "a", "default")
    assert (found.kind, found.namespace, found.name, found.writer) == ("ConfigMap", "default", "a", "kubernetes-admin")
    assert dict(found.labels) == {"app": "x"} and found.uid
    body = await api.get_raw(CONFIG_MAPS, "a", "default")
    assert body["data"] == {"key": "ü"}
    assert body["metadata"]["resourceVersion"] == str(found.resource_version)


async def test_refusals_are_whole_on_the_other_side(api: ApiClient) -> None:
    with pytest.raises(ApiError) as refusal:
        await api.get_raw(CONFIG_MAPS, "none", "default")
    assert refusal.value.details == {"name": "none", "kind": "configmaps"}
    with pytest.raises(ApiError) as refusal:
        await api.create_raw(CONFIG_MAPS, config_map("Bad_"), namespace="default")
    assert refusal.value.code == 422


async def test_a_server_that_stops_answers_the_writes_it_has_taken(core: Core, pki_dir: Path) -> None:
    tls, seams = TlsFiles.in_directory(pki_dir, "apiserver"), core.server.seams
    async with AsyncExitStack() as stack:
        service = api_service(core.server.pipeline, seams)
        serving = await stack.enter_async_context(AsyncExitStack())
        port = await serving.enter_async_context(serve("127.0.0.1:0", seams, tls, [service]))
        client = connect_api(f"127.0.0.1:{port}", TlsFiles.in_directory(pki_dir, "admin"), make_seams("test"))
        api = await stack.enter_async_context(client)
        rule = seams.gates.add(Rule("serve:*WriteMany", Action.HOLD))
        taken = asyncio.create_task(api.create_raw(CONFIG_MAPS, config_map("taken"), namespace="default"))
        while not seams.gates.held():
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(serving.aclose())
        await asyncio.sleep(0)
        seams.gates.delete(rule.id, release=True)
        assert (await taken).name == "taken"
        await stopping


async def test_many_writes_at_once(api: ApiClient) -> None:
    names = [f"m{index:03}" for index in range(300)]
    await asyncio.gather(*(api.create_raw(CONFIG_MAPS, config_map(name), namespace="default") for name in names))
    items, _ = await api.list_objects(CONFIG_MAPS, namespace="default")
    assert [one.name for one in items] == names
    await asyncio.gather(*(api.delete_raw(CONFIG_MAPS, name, namespace="default") for name in names))
    assert (await api.list_objects(CONFIG_MAPS))[0] == []


async def test_an_informer_follows(api: ApiClient) -> None:
    informer = Informer(api, ConfigMap, make_seams("test", Clock()))
    await api.create_raw(CONFIG_MAPS, config_map("a", x="1"), namespace="default")
    running = asyncio.create_task(informer.run())
    await informer.wait_synced()
    assert informer.get("default/a") is not None
    await api.patch_raw(CONFIG_MAPS, "a", {"data": {"x": "2"}}, namespace="default")
    async with asyncio.timeout(10):
        while (found := informer.get("default/a")) is None or found.data != {"x": "2"}:
            await asyncio.sleep(0.01)
        await api.delete_raw(CONFIG_MAPS, "a", namespace="default")
        while informer.get("default/a") is not None:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_a_kubelet_without_a_role_may_do_nothing(address: str, pki_dir: Path) -> None:
    tls = TlsFiles.in_directory(pki_dir, "kubelet-node-1")
    async with connect_api(address, tls, make_seams("test", Clock())) as api:
        with pytest.raises(ApiError) as refusal:
            await api.list_objects(PODS)
    expected = 'pods is forbidden: User "system:node:node-1" cannot list resource "pods" in API group "" at the cluster'
    assert refusal.value.message.startswith(expected)


async def test_one_trace_from_the_writer_to_the_watcher(core: Core, api: ApiClient) -> None:
    seams = make_seams("test", Clock())
    with seams.tracer.span("kubectl apply") as span:
        await api.create_raw(PODS, pod("p"), namespace="default")
    found = await api.get_object(PODS, "p", "default")
    assert found.traceparent.split("-")[1] == span.trace_id
    names = {one.name for one in core.server.seams.tracer.spans(span.trace_id)}
    assert {"create pods", "admission mutate", "etcd txn"} <= names
