"""`/openapi/v2` over HTTP, what the real kubectl makes of it, and the file behind it."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apimachinery.resources import GVK, GVR
from apiserver.http.discovery import Discovery
from apiserver.http.message import HttpRequest, Response
from apiserver.http.openapi_v2 import PROTOBUF_TYPE, OpenApiV2
from apiserver.registry.request import FieldValidation
from apiserver.registry.resource import Resources
from apiserver.registry.strategy import Strategy
from apiserver.schema.node import Schema
from apiserver.schema.resources import BUILTIN, ResourceInfo
from apiserver.schema.store import SchemaStore
from tests.component.test_http_kubectl import KUBECTLS, VERSIONS, Running
from tests.support.http_client import HttpClient
from tests.support.http_front import front_door, make_certificates
from tests.support.need import need

ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def client(certificates: Path) -> AsyncIterator[HttpClient]:
    async with front_door(certificates, certificates, tls=False) as front, HttpClient(front.port) as client:
        yield client


async def test_json(client: HttpClient) -> None:
    answer = await client.get("/openapi/v2/")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    assert document["swagger"] == "2.0"
    groups = {path.split("/")[2] for path in document["paths"] if path.startswith("/apis/") and path != "/apis/"}
    assert {info.gvr.group for info in BUILTIN if info.gvr.group} <= groups
    described = {
        (gvk["group"], gvk["version"], gvk["kind"])
        for definition in document["definitions"].values()
        for gvk in definition.get("x-kubernetes-group-version-kind", ())
    }
    assert ("apps", "v1", "Deployment") in described
    compressed = await client.get("/openapi/v2", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(compressed.body) == answer.body
    assert compressed.headers["content-encoding"] == "gzip"


async def test_protobuf(client: HttpClient) -> None:
    answer = await client.get("/openapi/v2", accept=ASKED)
    assert (answer.status, answer.headers["content-type"]) == (200, PROTOBUF_TYPE)
    assert answer.body.startswith(b"\x0a\x032.0")
    assert b"io.k8s.api.apps.v1.Deployment" in answer.body


async def test_a_client_that_has_it_gets_304(client: HttpClient) -> None:
    first = await client.get("/openapi/v2", accept=ASKED)
    again = await client.get("/openapi/v2", accept=ASKED, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    other = await client.get("/openapi/v2", headers={"If-None-Match": first.headers["etag"]})
    assert other.status == 200


async def test_other_forms_and_paths(client: HttpClient) -> None:
    assert (await client.get("/openapi/v2", accept="application/xml")).status == 406
    assert (await client.get("/openapi/v2/apps")).status == 404
    assert (await client.send("POST", "/openapi/v2", b"{}")).status == 405
    assert "/openapi/v2" in (await client.get("/")).json()["paths"]


# --- kubectl


@pytest.fixture(params=VERSIONS)
async def kubectl(request: pytest.FixtureRequest, certificates: Path, tmp_path: Path) -> AsyncIterator[Running]:
    need(request.param in KUBECTLS, f"no kubectl {request.param}")
    async with front_door(certificates, certificates) as front:
        yield Running(KUBECTLS[request.param], front, tmp_path)


@pytest.mark.kubectl
async def test_an_unknown_kind_is_called_so(kubectl: Running, tmp_path: Path) -> None:
    """Whoever finds it nowhere in v3 looks in v2, then among the CRDs."""
    manifest = tmp_path / "kind.yaml"
    manifest.write_text("apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: x}\n")
    code, _, err = await kubectl.run("apply", "-f", str(manifest))
    assert (code, err.decode()) == (
        1,
        f'error: resource mapping not found for name: "x" namespace: "" from "{manifest}": '
        'no matches for kind "Nothing" in version "example.com/v1"\nensure CRDs are installed first\n',
    )


@pytest.mark.kubectl
async def test_apply_validates_on_the_server(kubectl: Running, tmp_path: Path) -> None:
    """kubectl asks for strict validation only where the schema says that the server can."""
    manifest = tmp_path / "map.yaml"
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n")
    code, out, err = await kubectl.run("apply", "-f", str(manifest))
    assert (code, out) == (0, b"configmap/x created\n"), err
    created = next(one for one in kubectl.front.pipeline.requests if one.verb == "create")
    assert created.field_validation is FieldValidation.STRICT


@pytest.mark.kubectl
async def test_kubectl_reads_every_definition(kubectl: Running) -> None:
    """The old form of `explain` parses all definitions and refuses a document with one reference that leads nowhere."""
    code, out, err = await kubectl.run("explain", "--output=plaintext-openapiv2", "deployment.spec.replicas")
    assert code == 0, err
    assert b"FIELD:    replicas <integer>" in out


# --- the file behind it


class Documents:
    """The handler over its own cache directory."""

    def __init__(self, cache: Path) -> None:
        store = SchemaStore(cache)
        self.resources = Resources(BUILTIN, {}, store)
        self.handler = OpenApiV2(Discovery(self.resources, ""), self.resources, store)
        self.cache = cache

    async def get(self) -> Response:
        return await self.handler.answer(HttpRequest("GET", "/openapi/v2", {"accept-encoding": "gzip"}))

    def files(self) -> list[Path]:
        return sorted(self.cache.glob("openapi-v2-*"))


async def test_it_is_built_once_however_many_ask(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    answers = await asyncio.gather(*(documents.get() for _ in range(4)))
    assert len({answer.body for answer in answers}) == 1
    (file,) = documents.files()
    os.utime(file, (1, 1))
    await documents.get()
    assert file.stat().st_mtime == 1
    assert (await Documents(tmp_path).get()).body == answers[0].body
    assert file.stat().st_mtime == 1


async def test_it_is_built_again_when_someone_removed_it(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    before = await documents.get()
    documents.files()[0].unlink()
    assert (await documents.get()).body == before.body


async def test_custom_resources_come_and_go(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    gvk = GVK("stable.example.com", "v1", "CronTab")
    info = ResourceInfo(
        GVR(gvk.group, gvk.version, "crontabs"), gvk.kind, True, "crontab", (), (), ("get", "list", "patch"), {}
    )

    async def etag_with(description: str) -> str:
        schema = Schema({"type": "object", "description": description})
        documents.resources.add_custom([info], Strategy(), "v1", {gvk: schema})
        answer = await documents.get()
        assert description.encode() in gzip.decompress(answer.body)
        return dict(answer.headers)["ETag"]

    before = dict((await documents.get()).headers)["ETag"]
    tags = {before, await etag_with("first words"), await etag_with("second words")}
    assert len(tags) == 3
    documents.resources.remove_custom(gvk.group, "crontabs")
    assert dict((await documents.get()).headers)["ETag"] == before
