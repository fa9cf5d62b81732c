"""Discovery, OpenAPI, health, version and metrics as clients ask for them."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apimachinery.resources import GVK
from apiserver.http.health import Health
from apiserver.http.message import HttpRequest
from apiserver.http.openapi import custom_component
from tests.support.http_client import HttpClient
from tests.support.http_front import front_door, make_certificates

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def client(certificates: Path) -> AsyncIterator[HttpClient]:
    async with front_door(certificates, certificates, tls=False) as front, HttpClient(front.port) as client:
        yield client


# --- discovery


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_aggregated(client: HttpClient, version: str) -> None:
    wanted = AGGREGATED.format(version)
    answer = await client.get("/apis", accept=f"{wanted},application/json")
    assert answer.headers["content-type"] == wanted
    assert answer.headers["vary"] == "Accept"
    body = answer.json()
    assert (body["kind"], body["apiVersion"]) == ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}")
    apps = next(group for group in body["items"] if group["metadata"]["name"] == "apps")
    deployments = next(one for one in apps["versions"][0]["resources"] if one["resource"] == "deployments")
    assert deployments["scope"] == "Namespaced" and deployments["shortNames"] == ["deploy"]
    assert {one["subresource"] for one in deployments["subresources"]} == {"scale", "status"}
    assert all(one["responseKind"]["kind"] for one in deployments["subresources"])
    cached = await client.get("/apis", accept=wanted, headers={"If-None-Match": answer.headers["etag"]})
    assert (cached.status, cached.body) == (304, b"")


async def test_what_a_client_prefers_first_wins(client: HttpClient) -> None:
    both = f"{AGGREGATED.format('v2')},{AGGREGATED.format('v2beta1')},application/json"
    assert "v=v2;" in (await client.get("/api", accept=both)).headers["content-type"]
    assert (await client.get("/api", accept="application/json")).json()["kind"] == "APIVersions"


async def test_legacy(client: HttpClient) -> None:
    assert (await client.get("/api/")).json()["versions"] == ["v1"]
    groups = (await client.get("/apis/")).json()
    apps = next(group for group in groups["groups"] if group["name"] == "apps")
    assert apps["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert (await client.get("/apis/apps")).json()["kind"] == "APIGroup"
    core = (await client.get("/api/v1")).json()
    assert (core["kind"], core["groupVersion"]) == ("APIResourceList", "v1")
    by_name = {one["name"]: one for one in core["resources"]}
    assert by_name["pods"]["singularName"] == "pod" and by_name["pods"]["categories"] == ["all"]
    assert by_name["pods/exec"]["verbs"] and by_name["pods/eviction"]["group"] == "policy"


# --- OpenAPI


async def test_openapi_v3(client: HttpClient) -> None:
    index = (await client.get("/openapi/v3")).json()["paths"]
    assert {"api/v1", "apis/apps/v1"} <= set(index)
    url = index["apis/apps/v1"]["serverRelativeURL"]
    answer = await client.get(url)
    assert answer.headers["cache-control"] == "public, immutable"
    document = answer.json()
    item = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    patch = item["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "fieldValidation" in {one["name"] for one in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    schema = document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [patch["x-kubernetes-group-version-kind"]]
    compressed = await client.get(url, headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(compressed.body)) == document
    moved = await client.get("/openapi/v3/apis/apps/v1?hash=OLD")
    assert (moved.status, moved.headers["location"]) == (301, url)


async def test_every_document_is_closed(client: HttpClient) -> None:
    """Whatever a document refers to, it holds."""
    for path in (await client.get("/openapi/v3")).json()["paths"]:
        document = (await client.get(f"/openapi/v3/{path}")).json()
        missing = {ref.rpartition("/")[2] for ref in references(document)} - set(document["components"]["schemas"])
        assert not missing, path


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [ref for item in value for ref in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [ref for item in value.values() for ref in references(item)]


async def test_openapi_v3_as_protobuf_is_refused(client: HttpClient) -> None:
    accept = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"
    assert (await client.get("/openapi/v3", accept=accept)).status == 406


def test_component_names_of_custom_resources() -> None:
    assert custom_component(GVK("stable.example.com", "v1", "CronTab")) == "com.example.stable.v1.CronTab"


# --- the rest


async def test_version_and_metrics(client: HttpClient) -> None:
    version = (await client.get("/version/")).json()
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "36", "v1.36.0")
    await client.get("/api/v1/pods")
    metrics = (await client.get("/metrics")).body.decode()
    assert 'apiserver_request_total{verb="LIST",group="",version="v1",resource="pods"' in metrics
    assert "/healthz" in (await client.get("/")).json()["paths"]


async def passing() -> None: ...


async def failing() -> None:
    raise OSError("etcd does not answer")


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/livez", 200, "ok"),
        ("/livez?verbose", 200, "[+]ping ok\n[+]a ok\nlivez check passed\n"),
        ("/readyz", 500, "[+]ping ok\n[+]a ok\n[-]etcd failed: etcd does not answer\nreadyz check failed\n"),
        ("/readyz?exclude=etcd", 200, "ok"),
        ("/readyz/etcd", 500, "[-]etcd failed: etcd does not answer\nreadyz check failed\n"),
        ("/readyz/a", 200, "ok"),
        ("/readyz/none", 404, ""),
    ],
)
async def test_health(path: str, status: int, body: str) -> None:
    health = Health({"a": passing}, {"etcd": failing})
    request = HttpRequest("GET", path, {})
    answer = await health.answer(request, *request.path.strip("/").split("/"))
    assert (answer.status, answer.body.decode()) == (status, body) if answer else status == 404
