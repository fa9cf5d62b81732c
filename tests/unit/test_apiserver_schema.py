"""The table of resources and the store of definitions."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from apimachinery import strategic_merge
from apimachinery.resources import GVK, GVR
from apiserver.schema import resources
from apiserver.schema.node import Schema
from apiserver.schema.store import SchemaStore

POD = GVK("", "v1", "Pod")
DEPLOYMENT = GVK("apps", "v1", "Deployment")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SchemaStore:
    return SchemaStore(tmp_path_factory.mktemp("schema"))


def node(store: SchemaStore, gvk: GVK, *path: str) -> Schema:
    kind = store.for_kind(gvk)
    assert kind is not None
    found = kind.at(*path)
    assert found is not None
    return found


def test_resource_table() -> None:
    pods = resources.by_gvr(GVR("", "v1", "pods"))
    assert pods is not None
    assert (pods.kind, pods.namespaced, pods.singular, pods.short_names) == ("Pod", True, "pod", ("po",))
    assert pods.subresources["eviction"].kind == GVK("policy", "v1", "Eviction")
    assert pods.subresources["status"].kind == POD
    deployments = resources.by_gvk(DEPLOYMENT)
    assert deployments is not None
    assert deployments.gvr == GVR("apps", "v1", "deployments")
    assert resources.by_gvr(GVR("", "v1", "nothing")) is None


def test_groups_in_order_of_preference() -> None:
    versions = {group.name: group.versions for group in resources.groups()}
    assert next(iter(versions)) == ""
    assert versions["autoscaling"] == ("v2", "v1")
    assert versions["resource.k8s.io"] == ("v1", "v1beta2", "v1beta1", "v1alpha3")
    assert {info.gvr.group for info in resources.in_group_version("apps", "v1")} == {"apps"}


def test_every_builtin_kind_has_a_schema(store: SchemaStore) -> None:
    assert [info.gvk for info in resources.BUILTIN if store.for_kind(info.gvk) is None] == []
    assert store.for_kind(GVK("example.com", "v1", "Foo")) is None


@pytest.mark.parametrize(
    ("gvk", "path", "attributes"),
    [
        (POD, ("spec", "containers"), {"type": "array", "patch_strategy": "merge", "merge_key": "name"}),
        (POD, ("spec", "volumes"), {"patch_strategy": "merge,retainKeys", "list_map_keys": ("name",)}),
        (POD, ("spec", "containers", "ports"), {"merge_key": "containerPort", "list_type": "map"}),
        (POD, ("spec", "containers", "resources", "limits", "cpu"), {"special": "quantity"}),
        (POD, ("spec", "containers", "livenessProbe", "httpGet", "port"), {"special": "int-or-string"}),
        (POD, ("metadata", "creationTimestamp"), {"special": "time"}),
        (POD, ("metadata", "managedFields", "fieldsV1"), {"special": "any", "preserves_unknown": True}),
        (POD, ("metadata", "finalizers"), {"patch_strategy": "merge", "merge_key": "", "list_type": "set"}),
        (DEPLOYMENT, ("spec", "replicas"), {"type": "integer", "format": "int32"}),
        (DEPLOYMENT, ("spec",), {"required": ("selector", "template")}),
        (DEPLOYMENT, ("spec", "strategy"), {"patch_strategy": "retainKeys"}),
        (DEPLOYMENT, ("spec", "selector"), {"map_type": "atomic"}),
        (GVK("", "v1", "Secret"), ("data", "x"), {"special": "bytes"}),
        (GVK("coordination.k8s.io", "v1", "Lease"), ("spec", "renewTime"), {"special": "micro-time"}),
        (GVK("apps", "v1", "ControllerRevision"), ("data",), {"special": "any"}),
    ],
)
def test_attributes(store: SchemaStore, gvk: GVK, path: tuple[str, ...], attributes: dict[str, Any]) -> None:
    found = node(store, gvk, *path)
    assert {name: getattr(found, name) for name in attributes} == attributes


def test_recursive_schema(store: SchemaStore) -> None:
    crd = GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    props = node(store, crd, "spec", "versions", "schema", "openAPIV3Schema")
    assert props.at("properties", "x", "properties", "y", "type") is not None
    assert props.at("no") is None


def test_strategic_merge_by_a_real_schema(store: SchemaStore) -> None:
    live = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "1"}], "volumes": [{"name": "v"}]}}}}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "a", "args": ["x"]}]}}}}
    merged = strategic_merge.apply(live, patch, store.for_kind(DEPLOYMENT))
    spec = merged["spec"]["template"]["spec"]
    assert spec == {"containers": [{"name": "a", "image": "1", "args": ["x"]}], "volumes": [{"name": "v"}]}


def test_openapi_documents(store: SchemaStore) -> None:
    apps = store.openapi_v3("apps/v1")
    name = "io.k8s.api.apps.v1.Deployment"
    spec = apps[name]["properties"]["spec"]
    assert spec["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}]
    assert spec["description"]
    assert apps[name]["x-kubernetes-group-version-kind"] == [{"group": "apps", "kind": "Deployment", "version": "v1"}]
    assert "enum" not in apps[name]["properties"]["kind"]
    assert "io.k8s.api.autoscaling.v1.Scale" in apps
    containers = apps["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["type"] == "array"
    assert apps["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    everything = dict(store.openapi_v2())
    assert {one.removeprefix("#/definitions/") for one in _references(everything)} <= everything.keys()
    assert everything[name]["properties"]["spec"]["$ref"] == "#/definitions/io.k8s.api.apps.v1.DeploymentSpec"
    assert everything["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] == "string"


def _references(tree: Any) -> set[str]:
    if isinstance(tree, dict):
        own = {tree["$ref"]} if isinstance(tree.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in tree.values()))
    return set().union(*map(_references, tree)) if isinstance(tree, list) else set()


@pytest.mark.parametrize("group_version", ["v1", "policy/v1", "apiextensions.k8s.io/v1", "resource.k8s.io/v1"])
def test_openapi_documents_are_complete(store: SchemaStore, group_version: str) -> None:
    components = store.openapi_v3(group_version)
    assert {name.removeprefix("#/components/schemas/") for name in _references(components)} <= components.keys()


def _open(folder: str) -> bool:
    return SchemaStore(Path(folder)).for_kind(POD) is not None


def test_processes_may_build_the_cache_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_open, [str(tmp_path)] * 8) == [True] * 8
    assert len(list(tmp_path.iterdir())) == 1
