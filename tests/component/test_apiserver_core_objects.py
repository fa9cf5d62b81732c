"""The apiserver's core over a real etcd: what verbs do to objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from tests.support.apiserver import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICES,
    Core,
    FieldValidation,
    PatchType,
    config_map,
    pod,
    running_core,
)
from tests.support.etcd import EtcdProcess

pytestmark = pytest.mark.etcd


@pytest.fixture
async def core(etcd: EtcdProcess, pki_dir: Path) -> AsyncIterator[Core]:
    async with running_core(etcd.address, pki_dir) as core:
        yield core


async def test_create_fills_metadata_and_get_gives_the_same_bytes(core: Core) -> None:
    created = await core.create(CONFIG_MAPS, config_map("a", x="1"), "default")
    assert created.status_code == 201
    metadata = created.tree["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["uid"] and metadata["creationTimestamp"] and metadata["resourceVersion"].isdigit()
    assert "generation" not in metadata
    read = await core.get(CONFIG_MAPS, "a", "default")
    assert read.raw == created.raw
    assert read.tree["kind"] == "ConfigMap" and read.tree["apiVersion"] == "v1"
    assert read.writer == "kubernetes-admin"


async def test_a_second_create_of_a_name_already_exists(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    with pytest.raises(ApiError, match='configmaps "a" already exists') as refusal:
        await core.create(CONFIG_MAPS, config_map("a"), "default")
    assert refusal.value.reason == "AlreadyExists"


async def test_generate_name_gives_another_name_each_time(core: Core) -> None:
    names = {
        (await core.create(CONFIG_MAPS, {"metadata": {"generateName": "x-"}}, "default")).tree["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("x-") and len(name) == 7 for name in names)


async def test_a_name_that_will_not_do_is_invalid(core: Core) -> None:
    with pytest.raises(ApiError) as refusal:
        await core.create(CONFIG_MAPS, config_map("Not_A_Name"), "default")
    assert refusal.value.code == 422
    assert refusal.value.details["causes"][0]["field"] == "metadata.name"


async def test_an_update_with_an_old_revision_conflicts(core: Core) -> None:
    first = (await core.create(CONFIG_MAPS, config_map("a", x="1"), "default")).tree
    await core.update(CONFIG_MAPS, {**first, "data": {"x": "2"}})
    with pytest.raises(ApiError) as refusal:
        await core.update(CONFIG_MAPS, {**first, "data": {"x": "3"}})
    assert refusal.value.reason == "Conflict"
    assert (await core.get(CONFIG_MAPS, "a", "default")).tree["data"] == {"x": "2"}


async def test_an_update_without_a_revision_overwrites(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a", x="1"), "default")
    body = {"metadata": {"name": "a", "namespace": "default"}, "data": {"x": "9"}}
    updated = await core.update(CONFIG_MAPS, body)
    assert updated.tree["data"] == {"x": "9"}


async def test_an_update_that_changes_nothing_writes_nothing(core: Core) -> None:
    first = await core.create(CONFIG_MAPS, config_map("a", x="1"), "default")
    again = await core.update(CONFIG_MAPS, first.tree)
    assert again.raw == first.raw


async def test_uid_and_creation_time_cannot_change(core: Core) -> None:
    first = (await core.create(CONFIG_MAPS, config_map("a"), "default")).tree
    changed = {
        **first,
        "metadata": {**first["metadata"], "creationTimestamp": "2001-01-01T00:00:00Z"},
        "data": {"y": ""},
    }
    updated = (await core.update(CONFIG_MAPS, changed)).tree
    assert updated["metadata"]["creationTimestamp"] == first["metadata"]["creationTimestamp"]
    stranger = {**first, "metadata": {**first["metadata"], "uid": "other", "resourceVersion": ""}}
    with pytest.raises(ApiError, match="Precondition failed: UID"):
        await core.update(CONFIG_MAPS, stranger)


async def test_spec_and_status_are_written_apart(core: Core) -> None:
    labels = {"app": "web"}
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
        "status": {"replicas": 7},
    }
    created = (await core.create(DEPLOYMENTS, body, "default")).tree
    assert created["metadata"]["generation"] == 1
    assert created.get("status", {}).get("replicas") is None
    both = {"spec": {"replicas": 5}, "status": {"replicas": 3}}
    status = (await core.patch(DEPLOYMENTS, "web", both, "default", subresource="status")).tree
    assert status["spec"]["replicas"] == 2 and status["status"]["replicas"] == 3
    assert status["metadata"]["generation"] == 1
    spec = (await core.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}, "status": {"replicas": 1}}, "default")).tree
    assert spec["spec"]["replicas"] == 5 and spec["status"]["replicas"] == 3
    assert spec["metadata"]["generation"] == 2


async def test_scale_reads_and_writes_replicas(core: Core) -> None:
    await test_spec_and_status_are_written_apart(core)
    scale = (await core.get(DEPLOYMENTS, "web", "default", subresource="scale")).tree
    assert scale["spec"]["replicas"] == 5 and scale["status"]["selector"] == "app=web"
    scale["spec"]["replicas"] = 8
    answer = (await core.update(DEPLOYMENTS, scale, subresource="scale")).tree
    assert answer["spec"]["replicas"] == 8
    patched = (await core.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 1}}, "default", subresource="scale")).tree
    assert patched["spec"]["replicas"] == 1
    assert (await core.get(DEPLOYMENTS, "web", "default")).tree["metadata"]["generation"] == 4


async def test_patches_of_three_kinds(core: Core) -> None:
    await core.create(PODS, pod("p"), "default")
    merged = await core.patch(PODS, "p", {"metadata": {"labels": {"a": "1"}}}, "default")
    assert merged.tree["metadata"]["labels"] == {"a": "1"}
    operations = [{"op": "replace", "path": "/metadata/labels/a", "value": "2"}]
    replaced = await core.patch(PODS, "p", operations, "default", PatchType.JSON)
    assert replaced.tree["metadata"]["labels"] == {"a": "2"}
    image = {"spec": {"containers": [{"name": "main", "image": "nginx"}]}}
    strategic = (await core.patch(PODS, "p", image, "default", PatchType.STRATEGIC)).tree
    assert [one["image"] for one in strategic["spec"]["containers"]] == ["nginx"]
    assert strategic["spec"]["containers"][0]["terminationMessagePath"]


async def test_unknown_fields_are_refused_warned_of_or_ignored(core: Core) -> None:
    body = {**config_map("a"), "extra": 1}
    with pytest.raises(ApiError, match='strict decoding error: unknown field "extra"') as refusal:
        await core.create(CONFIG_MAPS, dict(body), "default", field_validation=FieldValidation.STRICT)
    assert refusal.value.code == 400
    created = await core.create(CONFIG_MAPS, dict(body), "default")
    assert created.warnings == ('unknown field "extra"',)
    assert "extra" not in created.tree


async def test_dry_run_stores_nothing(core: Core) -> None:
    answer = await core.create(CONFIG_MAPS, config_map("a"), "default", dry_run=True)
    assert answer.tree["metadata"]["uid"]
    with pytest.raises(ApiError, match="not found"):
        await core.get(CONFIG_MAPS, "a", "default")


async def test_deleting_at_once_gives_a_status_and_the_last_state(core: Core) -> None:
    created = await core.create(CONFIG_MAPS, config_map("a"), "default")
    outcome = await core.delete(CONFIG_MAPS, "a", "default")
    uid = created.tree["metadata"]["uid"]
    assert outcome.tree["details"] == {"name": "a", "kind": "configmaps", "uid": uid}
    assert outcome.deleted is not None and outcome.deleted.name == "a"
    with pytest.raises(ApiError) as refusal:
        await core.delete(CONFIG_MAPS, "a", "default")
    assert refusal.value.reason == "NotFound"


async def test_finalizers_hold_an_object_until_the_last_is_gone(core: Core) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await core.create(CONFIG_MAPS, body, "default")
    pending = await core.delete(CONFIG_MAPS, "a", "default")
    assert pending.pending and pending.tree["metadata"]["deletionTimestamp"]
    with pytest.raises(ApiError, match="no new finalizers can be added"):
        await core.patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": ["example.com/hold", "b.c/d"]}}, "default")
    last = await core.patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": None}}, "default")
    assert "finalizers" not in last.tree["metadata"] and last.tree["metadata"]["deletionTimestamp"]
    with pytest.raises(ApiError, match="not found"):
        await core.get(CONFIG_MAPS, "a", "default")


async def test_a_running_pod_goes_gracefully_and_a_shorter_grace_is_taken(core: Core) -> None:
    await core.create(PODS, pod("p", node="n"), "default")
    first = (await core.delete(PODS, "p", "default")).tree["metadata"]
    assert first["deletionGracePeriodSeconds"] == 30
    longer = (await core.delete(PODS, "p", "default", gracePeriodSeconds=60)).tree["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 30
    shorter = (await core.delete(PODS, "p", "default", gracePeriodSeconds=5)).tree["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 5
    assert not (await core.delete(PODS, "p", "default", gracePeriodSeconds=0)).pending
    with pytest.raises(ApiError, match="not found"):
        await core.get(PODS, "p", "default")


async def test_foreground_deletion_waits_for_the_garbage_collector(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    pending = await core.delete(CONFIG_MAPS, "a", "default", propagationPolicy="Foreground")
    assert pending.tree["metadata"]["finalizers"] == ["foregroundDeletion"]


async def test_preconditions_of_a_deletion(core: Core) -> None:
    await core.create(CONFIG_MAPS, config_map("a"), "default")
    with pytest.raises(ApiError, match="Precondition failed: UID in precondition: other"):
        await core.delete(CONFIG_MAPS, "a", "default", preconditions={"uid": "other"})


async def test_binding_assigns_a_pod_once(core: Core) -> None:
    await core.create(PODS, pod("p"), "default")
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    request = core.request("create", PODS, "default", "p", subresource="binding", body=dict(binding))
    assert (await core.server.pipeline.create(request)).status_code == 201
    bound = (await core.get(PODS, "p", "default")).tree
    assert bound["spec"]["nodeName"] == "n1"
    assert {"PodScheduled"} == {one["type"] for one in bound["status"]["conditions"]}
    request = core.request("create", PODS, "default", "p", subresource="binding", body=dict(binding))
    with pytest.raises(ApiError, match='already assigned to node "n1"'):
        await core.server.pipeline.create(request)


async def test_eviction_asks_the_budget(core: Core) -> None:
    body = pod("p", node="n")
    body["metadata"]["labels"] = {"app": "db"}
    await core.create(PODS, body, "default")
    running = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    await core.patch(PODS, "p", running, "default", subresource="status")
    budgets = GVR("policy", "v1", "poddisruptionbudgets")
    budget = {"metadata": {"name": "db"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}}}
    await core.create(budgets, budget, "default")
    allowed = {"status": {"disruptionsAllowed": 0, "observedGeneration": 1, "desiredHealthy": 1, "currentHealthy": 1,
                          "expectedPods": 1}}  # fmt: skip
    await core.patch(budgets, "db", allowed, "default", subresource="status")

    async def evict() -> int:
        eviction = {"metadata": {"name": "p"}}
        request = core.request("create", PODS, "default", "p", subresource="eviction", body=eviction)
        return (await core.server.pipeline.create(request)).status_code

    with pytest.raises(ApiError) as refusal:
        await evict()
    assert refusal.value.code == 429 and refusal.value.details["causes"][0]["reason"] == "DisruptionBudget"
    await core.patch(budgets, "db", {"status": {"disruptionsAllowed": 1}}, "default", subresource="status")
    assert await evict() == 201
    status = (await core.get(budgets, "db", "default")).tree["status"]
    assert status["disruptionsAllowed"] == 0 and "p" in status["disruptedPods"]
    assert (await core.get(PODS, "p", "default")).tree["metadata"]["deletionTimestamp"]


async def test_services_get_distinct_addresses_and_give_them_back(core: Core) -> None:
    def service(name: str) -> dict[str, object]:
        return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "type": "NodePort"}}

    first = (await core.create(SERVICES, service("a"), "default")).tree["spec"]
    second = (await core.create(SERVICES, service("b"), "default")).tree["spec"]
    assert first["clusterIP"] != second["clusterIP"]
    assert first["ports"][0]["nodePort"] != second["ports"][0]["nodePort"]
    addresses = GVR("networking.k8s.io", "v1", "ipaddresses")
    assert first["clusterIP"] in {one.name for one in (await core.list(addresses)).items}
    await core.delete(SERVICES, "a", "default")
    assert first["clusterIP"] not in {one.name for one in (await core.list(addresses)).items}


async def test_one_object_through_two_versions(core: Core) -> None:
    hpas = GVR("autoscaling", "v1", "horizontalpodautoscalers")
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"},
            "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 80,
        },
    }
    created = (await core.create(hpas, body, "default")).tree
    assert created["apiVersion"] == "autoscaling/v1" and created["spec"]["targetCPUUtilizationPercentage"] == 80
    newer = (await core.get(hpas._replace(version="v2"), "web", "default")).tree
    assert newer["apiVersion"] == "autoscaling/v2"
    assert newer["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}


async def test_a_namespace_waits_for_its_finalizer(core: Core) -> None:
    created = (await core.create(NAMESPACES, {"metadata": {"name": "team"}})).tree
    assert created["spec"]["finalizers"] == ["kubernetes"]
    pending = await core.delete(NAMESPACES, "team")
    assert pending.pending and pending.tree["status"]["phase"] == "Terminating"
    body = {**pending.tree, "spec": {"finalizers": []}}
    await core.update(NAMESPACES, body, subresource="finalize")
    with pytest.raises(ApiError, match="not found"):
        await core.get(NAMESPACES, "team")
