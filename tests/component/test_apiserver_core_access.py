"""Who is who, who may what, and what every cluster is born with; over a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apimachinery.timestamps import format_time
from apiserver.bootstrap import KubernetesService, bootstrap
from apiserver.expiry import expire_events
from apiserver.handlers.admission.chain import build_chain
from apiserver.handlers.authz import Attributes
from apiserver.handlers.rbac.bootstrap import bootstrap_policy
from apiserver.limits import EVENT_SWEEP_SECONDS, EVENT_TTL_SECONDS
from apiserver.registry.request import Request, User
from tests.support.apiserver import CONFIG_MAPS, NAMESPACES, PODS, SERVICES, Core, config_map, pod, running_core
from tests.support.etcd import EtcdProcess
from wire.tls import Identity

pytestmark = pytest.mark.etcd

ACCOUNTS = GVR("", "v1", "serviceaccounts")
EVENTS = GVR("", "v1", "events")
KUBELET = User("system:node:node-1", ("system:nodes", "system:authenticated"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def core(etcd: EtcdProcess, pki_dir: Path, clock: FakeClock) -> AsyncIterator[Core]:
    async with running_core(etcd.address, pki_dir, clock) as core:
        yield core


async def token(core: Core, spec: dict[str, Any] | None = None) -> str:
    request = core.request("create", ACCOUNTS, "default", "bob", subresource="token", body={"spec": spec or {}})
    answer = (await core.server.pipeline.create(request)).tree
    return str(answer["status"]["token"])


async def user_of(core: Core, text: str) -> User:
    return await core.server.authenticator.authenticate(None, {"authorization": f"Bearer {text}"})


async def test_a_token_says_who_and_dies_with_its_pod(core: Core) -> None:
    await core.create(ACCOUNTS, {"metadata": {"name": "bob"}}, "default")
    body = pod("p")
    body["spec"]["serviceAccountName"] = "bob"
    await core.create(PODS, body, "default")
    bound = await token(core, {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}})
    user = await user_of(core, bound)
    assert user.name == "system:serviceaccount:default:bob"
    assert "system:serviceaccounts:default" in user.groups
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("p",)
    await core.delete(PODS, "p", "default", gracePeriodSeconds=0)
    await core.list(PODS)
    with pytest.raises(ApiError) as refusal:
        await user_of(core, bound)
    assert refusal.value.code == 401


async def test_a_token_expires_by_the_cluster_clock(core: Core, clock: FakeClock) -> None:
    await core.create(ACCOUNTS, {"metadata": {"name": "bob"}}, "default")
    text = await token(core, {"expirationSeconds": 600})
    await user_of(core, text)
    await clock.advance(700)
    with pytest.raises(ApiError, match="expired"):
        await user_of(core, text)


async def test_a_token_for_others_is_not_for_us(core: Core) -> None:
    await core.create(ACCOUNTS, {"metadata": {"name": "bob"}}, "default")
    text = await token(core, {"audiences": ["vault"]})
    with pytest.raises(ApiError) as refusal:
        await user_of(core, text)
    assert refusal.value.code == 401
    reviews = GVR("authentication.k8s.io", "v1", "tokenreviews")
    review = {"spec": {"token": text, "audiences": ["vault"]}}
    answer = (await core.create(reviews, review)).tree["status"]
    assert answer["authenticated"] and answer["audiences"] == ["vault"]
    with pytest.raises(ApiError):
        await user_of(core, text[:-4] + "AAAA")


async def test_certificates_tokens_and_nobody(core: Core) -> None:
    authenticate = core.server.authenticator.authenticate
    admin = await authenticate(Identity("kubernetes-admin", ("system:masters",)), {})
    assert admin.groups == ("system:masters", "system:authenticated")
    assert (await authenticate(None, {})).name == "system:anonymous"
    with pytest.raises(ApiError):
        await authenticate(None, {"authorization": "Basic eDp5"})


async def test_a_cluster_is_born_with_namespaces_roles_and_its_own_service(core: Core, clock: FakeClock) -> None:
    await bootstrap(core.server.objects, bootstrap_policy())
    service = KubernetesService(core.server.objects, clock, "10.96.0.0/12", "192.0.2.1", 6443)
    await service.reconcile()
    await core.list(SERVICES)
    await service.reconcile()
    assert {one.name for one in (await core.list(NAMESPACES)).items} >= {"default", "kube-system", "kube-node-lease"}
    assert (await core.get(SERVICES, "kubernetes", "default")).tree["spec"]["clusterIP"] == "10.96.0.1"
    slices = GVR("discovery.k8s.io", "v1", "endpointslices")
    assert (await core.get(slices, "kubernetes", "default")).tree["endpoints"][0]["addresses"] == ["192.0.2.1"]
    before = (await core.list(NAMESPACES)).revision
    await bootstrap(core.server.objects, bootstrap_policy())
    assert (await core.list(NAMESPACES)).revision == before


async def test_roles_count_from_the_moment_they_are_there(core: Core) -> None:
    bob = User("bob", ("system:authenticated",))
    rbac = "rbac.authorization.k8s.io"
    with pytest.raises(ApiError) as refusal:
        await core.server.pipeline.list(Request("list", PODS, bob, namespace="default"))
    expected = 'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"'
    assert refusal.value.message == expected
    rules = [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]
    await core.create(GVR(rbac, "v1", "roles"), {"metadata": {"name": "r"}, "rules": rules}, "default")
    binding = {
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "apiGroup": rbac, "name": "bob"}],
    }
    await core.create(GVR(rbac, "v1", "rolebindings"), binding, "default")
    await core.list(PODS)
    await core.server.pipeline.list(Request("list", PODS, bob, namespace="default"))
    with pytest.raises(ApiError):
        await core.server.pipeline.list(Request("list", PODS, bob, namespace="other"))
    reviews = GVR("authorization.k8s.io", "v1", "subjectaccessreviews")
    asked = {"namespace": "default", "verb": "list", "resource": "pods"}
    review = await core.create(reviews, {"spec": {"user": "bob", "resourceAttributes": asked}})
    assert review.tree["status"]["allowed"] is True


async def test_a_kubelet_reads_only_what_its_pods_refer_to(core: Core) -> None:
    await bootstrap(core.server.objects, bootstrap_policy())
    body = pod("p", node="node-1")
    body["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "mine"}}]
    await core.create(PODS, body, "default")
    for name in ("mine", "theirs"):
        await core.create(CONFIG_MAPS, config_map(name), "default")
    await core.list(PODS)
    assert (await core.get(CONFIG_MAPS, "mine", "default", user=KUBELET)).name == "mine"
    with pytest.raises(ApiError, match="no relationship found between node 'node-1' and this object"):
        await core.get(CONFIG_MAPS, "theirs", "default", user=KUBELET)
    with pytest.raises(ApiError) as refusal:
        await core.server.pipeline.authorize(Attributes(User("x"), "get", path="/metrics"))
    assert refusal.value.message == 'forbidden: User "x" cannot get path "/metrics"'


async def test_events_go_after_an_hour_of_the_cluster_clock(core: Core, clock: FakeClock) -> None:
    def event(name: str) -> dict[str, Any]:
        about = {"kind": "Pod", "namespace": "default", "name": "p"}
        return {"metadata": {"name": name}, "involvedObject": about, "lastTimestamp": format_time(clock.time())}

    await core.create(EVENTS, event("old"), "default")
    sweeping = asyncio.create_task(expire_events(core.server.cacher, core.server.objects, clock))
    await clock.advance(EVENT_TTL_SECONDS - 1000)
    await core.create(EVENTS, event("new"), "default")
    await core.list(EVENTS)
    await clock.advance(1000 + EVENT_SWEEP_SECONDS)
    async with asyncio.timeout(10):
        while [one.name for one in (await core.list(EVENTS)).items] != ["new"]:
            await asyncio.sleep(0.01)
    sweeping.cancel()


async def test_admission_has_its_say(etcd: EtcdProcess, pki_dir: Path, clock: FakeClock) -> None:
    async with running_core(etcd.address, pki_dir, clock, chain=build_chain) as core:
        with pytest.raises(ApiError, match='namespaces "none" not found'):
            await core.create(CONFIG_MAPS, config_map("a"), "none")
