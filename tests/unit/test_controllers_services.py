"""Endpoints, EndpointSlices, and what every namespace gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.core import ConfigMap, Namespace, ServiceAccount
from api.node import Node
from api.pod import Pod
from api.service import Endpoints, EndpointSlice, Service
from apimachinery.errors import ApiError
from controller_manager.controllers import endpoints, endpointslice, namespace, root_ca, serviceaccount
from tests.support.controller_world import World, controllers

JSON = dict[str, Any]


def service(**spec: Any) -> JSON:
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    wanted = {"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.96.0.5", **spec}
    return {"metadata": {"name": "web", "namespace": "default", "labels": {"team": "a"}}, "spec": wanted}


def pod(number: int, *, ready: bool = True, app: str = "web", **spec: Any) -> JSON:
    containers = [{"name": "main", "image": "x", "ports": [{"name": "web", "containerPort": 8080, "protocol": "TCP"}]}]
    address = f"10.244.{number // 250}.{number % 250 + 1}"
    return {
        "metadata": {"name": f"web-{number}", "namespace": "default", "labels": {"app": app}},
        "spec": {"nodeName": "node-1", "containers": containers, **spec},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def slices(world: World) -> list[JSON]:
    return world.api.server.store.trees(EndpointSlice.RESOURCE)


async def test_endpoints_sort_the_ready_from_the_others() -> None:
    async with controllers(endpoints.build) as world:
        await world.api.create(Service, service())
        await world.api.create(Pod, pod(0, hostname="zero", subdomain="web"))
        await world.api.create(Pod, pod(1, ready=False))
        await world.api.create(Pod, pod(2, app="other"))
        await world.settle()
        (found,) = world.api.server.store.trees(Endpoints.RESOURCE)
    (subset,) = found["subsets"]
    assert [(one["ip"], one["hostname"], one["nodeName"]) for one in subset["addresses"]] == [
        ("10.244.0.1", "zero", "node-1")
    ]
    assert [one["targetRef"]["name"] for one in subset["notReadyAddresses"]] == ["web-1"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert found["metadata"]["labels"] == {"team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller"}


async def test_endpoints_follow_pods_and_go_with_the_service() -> None:
    async with controllers(endpoints.build) as world:
        await world.api.create(Service, service(publishNotReadyAddresses=True))
        await world.api.create(Pod, pod(0, ready=False))
        await world.settle()
        (found,) = world.api.server.store.trees(Endpoints.RESOURCE)
        assert len(found["subsets"][0]["addresses"]) == 1
        await world.api.delete(Pod, "web-0", namespace="default", options={"gracePeriodSeconds": 0})
        await world.settle()
        (found,) = world.api.server.store.trees(Endpoints.RESOURCE)
        assert "subsets" not in found
        await world.api.delete(Service, "web", namespace="default")
        await world.settle()
        assert world.api.server.store.trees(Endpoints.RESOURCE) == []


async def test_a_service_without_selector_is_left_alone() -> None:
    async with controllers(endpoints.build, endpointslice.build) as world:
        manual = {"metadata": {"name": "web", "namespace": "default"}, "subsets": [{"addresses": [{"ip": "1.2.3.4"}]}]}
        await world.api.create(Endpoints, manual)
        await world.api.create(Service, service(selector={}))
        await world.settle()
        await world.api.delete(Service, "web", namespace="default")
        await world.settle()
        assert len(world.api.server.store.trees(Endpoints.RESOURCE)) == 1
        assert slices(world) == []


async def test_a_slice_says_all_about_an_endpoint() -> None:
    async with controllers(endpointslice.build) as world:
        labels = {"topology.kubernetes.io/zone": "zone-a"}
        await world.api.create(Node, {"metadata": {"name": "node-1", "labels": labels}})
        await world.settle()
        await world.api.create(Service, service())
        await world.api.create(Pod, pod(0))
        await world.settle()
        (found,) = slices(world)
        assert found["metadata"]["labels"] == {
            "team": "a",
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        assert found["metadata"]["name"].startswith("web-")
        assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"
        assert (found["addressType"], found["ports"]) == ("IPv4", [{"name": "http", "port": 8080, "protocol": "TCP"}])
        (endpoint,) = found["endpoints"]
        assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
        assert (endpoint["nodeName"], endpoint["zone"]) == ("node-1", "zone-a")
        await world.api.delete(Pod, "web-0", namespace="default")
        await world.settle()
        (endpoint,) = slices(world)[0]["endpoints"]
        assert endpoint["conditions"] == {"ready": False, "serving": True, "terminating": True}


async def test_slices_hold_a_hundred_and_one_change_is_one_write() -> None:
    async with controllers(endpointslice.build) as world:
        await world.api.create(Service, service(clusterIP="None"))
        for number in range(230):
            await world.api.create(Pod, pod(number))
        await world.settle(1)
        assert sorted(len(one["endpoints"]) for one in slices(world)) == [30, 100, 100]
        assert all("service.kubernetes.io/headless" in one["metadata"]["labels"] for one in slices(world))
        world.api.server.writes.clear()
        changed = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        await world.api.patch(Pod, "web-7", changed, namespace="default", subresource="status")
        await world.settle(1)
        assert [write[:2] for write in world.api.server.writes] == [
            ("patch", "pods/status"),
            ("patch", "endpointslices"),
        ]
        names = [target["targetRef"]["name"] for one in slices(world) for target in one["endpoints"]]
        assert len(names) == len(set(names)) == 230


async def test_a_service_without_pods_has_one_empty_slice() -> None:
    async with controllers(endpointslice.build) as world:
        await world.api.create(Service, service())
        await world.settle()
        assert [one["endpoints"] for one in slices(world)] == [[]]
        await world.api.create(Pod, pod(0))
        await world.settle()
        assert [len(one["endpoints"]) for one in slices(world)] == [1]
        await world.api.delete(Pod, "web-0", namespace="default", options={"gracePeriodSeconds": 0})
        await world.settle()
        assert [one["endpoints"] for one in slices(world)] == [[]]


async def test_slices_that_were_tampered_with_are_restored() -> None:
    async with controllers(endpointslice.build) as world:
        await world.api.create(Service, service())
        await world.api.create(Pod, pod(0))
        await world.settle()
        (found,) = slices(world)
        await world.api.delete(EndpointSlice, found["metadata"]["name"], namespace="default")
        await world.settle()
        (found,) = slices(world)
        name = found["metadata"]["name"]
        await world.api.patch(EndpointSlice, name, {"endpoints": []}, namespace="default")
        await world.settle()
        assert [len(one["endpoints"]) for one in slices(world)] == [1]
        await world.api.patch(Service, "web", {"metadata": {"labels": {"team": "b"}}}, namespace="default")
        await world.settle()
        assert slices(world)[0]["metadata"]["labels"]["team"] == "b"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "ca.crt"
    path.write_text("the certificate")
    return path


async def test_every_live_namespace_gets_an_account_and_the_ca(certificate: Path) -> None:
    async with controllers(serviceaccount.build, root_ca.build, root_ca_file=certificate) as world:
        await world.api.create(Namespace, {"metadata": {"name": "team"}})
        await world.settle()
        assert (await world.api.get(ServiceAccount, "default", "team")).uid
        assert (await world.api.get(ConfigMap, "kube-root-ca.crt", "team")).data == {"ca.crt": "the certificate"}
        await world.api.delete(ServiceAccount, "default", namespace="team")
        tampered = {"data": {"ca.crt": "another", "more": "x"}}
        await world.api.patch(ConfigMap, "kube-root-ca.crt", tampered, namespace="team")
        await world.settle()
        assert (await world.api.get(ServiceAccount, "default", "team")).uid
        assert (await world.api.get(ConfigMap, "kube-root-ca.crt", "team")).data == {"ca.crt": "the certificate"}
        await world.api.delete(Namespace, "team")
        await world.api.delete(ServiceAccount, "default", namespace="team")
        await world.settle()
        with pytest.raises(ApiError, match="not found"):
            await world.api.get(ServiceAccount, "default", "team")


async def test_a_deleted_namespace_is_emptied_pods_first() -> None:
    async with controllers(namespace.build) as world:
        await world.api.create(Namespace, {"metadata": {"name": "team"}})
        running = pod(0)
        running["metadata"]["namespace"] = "team"
        await world.api.create(Pod, running)
        await world.api.create(ConfigMap, {"metadata": {"name": "one", "namespace": "team"}})
        await world.api.create(ConfigMap, {"metadata": {"name": "kept", "namespace": "default"}})
        held = {"metadata": {"name": "held", "namespace": "team", "finalizers": ["example.com/hold"]}}
        await world.api.create(ServiceAccount, held)
        await world.api.delete(Namespace, "team")
        await world.settle()
        assert (
            conditions(world)["NamespaceContentRemaining"]
            == "Some resources are remaining: pods has 1 resource instances"
        )
        assert (await world.api.get(ConfigMap, "one", "team")).uid
        await world.api.delete(Pod, "web-0", namespace="team", options={"gracePeriodSeconds": 0})
        await world.settle()
        assert [one["metadata"]["name"] for one in world.api.server.store.trees(ConfigMap.RESOURCE)] == ["kept"]
        assert "example.com/hold in 1" in conditions(world)["NamespaceFinalizersRemaining"]
        await world.api.patch(ServiceAccount, "held", {"metadata": {"finalizers": None}}, namespace="team")
        await world.settle(2)
        names = [one["metadata"]["name"] for one in world.api.server.store.trees(Namespace.RESOURCE)]
        assert names == ["default"]


def conditions(world: World) -> dict[str, str]:
    found = next(one for one in world.api.server.store.trees(Namespace.RESOURCE) if one["metadata"]["name"] == "team")
    return {one["type"]: one["message"] for one in found["status"]["conditions"] if one["status"] == "True"}
