"""The OpenAPI v2 document: its parts from v3's, custom schemas, pieces put together, and its file in the cache."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from apimachinery.errors import ApiError
from apimachinery.resources import GVK, GVR
from apiserver.http.limits import V2_FILES
from apiserver.http.openapi_v2 import PROTOBUF_TYPE, _prune, _write, digest_of, negotiate
from apiserver.http.openapi_v2_document import Contents, as_json, pieces
from apiserver.http.openapi_v2_paths import SharedParameters, custom_definition, path_item
from apiserver.schema.resources import ResourceInfo, SubresourceInfo, in_group_version
from apiserver.schema.store import SchemaStore

JSON = dict[str, Any]


def query(name: str) -> JSON:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}


V3_ITEM: JSON = {
    "patch": {
        "tags": ["apps_v1"],
        "description": "patch Deployment",
        "operationId": "patchIt",
        "parameters": [query("fieldValidation"), query("force")],
        "requestBody": {
            "content": {"a/b": {"schema": {"$ref": "#/components/schemas/P"}}, "c/d": {"schema": {}}},
            "required": True,
        },
        "responses": {
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
            },
            "401": {"description": "Unauthorized"},
        },
        "x-kubernetes-action": "patch",
    },
    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}, query("force")],
}


def test_a_path_item_of_v3_in_v2() -> None:
    shared = SharedParameters()
    item = path_item(V3_ITEM, shared)
    patch = item["patch"]
    assert (patch["consumes"], patch["produces"]) == (["a/b", "c/d"], ["application/json"])
    body, validation, force = patch["parameters"]
    assert body == {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/P"}}
    assert item["parameters"] == [{"name": "name", "in": "path", "required": True, "type": "string"}, force]
    assert patch["responses"] == {
        "200": {"description": "OK", "schema": {"$ref": "#/definitions/A"}},
        "401": {"description": "Unauthorized"},
    }
    assert patch["x-kubernetes-action"] == "patch"
    found = {f"#/parameters/{name}": one for name, one in shared.found.items()}
    assert found == {
        validation["$ref"]: {"name": "fieldValidation", "in": "query", "type": "string", "uniqueItems": True},
        force["$ref"]: {"name": "force", "in": "query", "type": "string", "uniqueItems": True},
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "oneOf": [{}], "anyOf": [{}], "allOf": [{}], "not": {}}, {"type": "string"}),
        ({"type": "string", "nullable": True, "description": "d"}, {"description": "d"}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        (
            {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {"a": {}},
                "required": ["a"],
            },
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        ),
        (
            {"properties": {"a": {"nullable": True}, "b": {"type": "string"}}, "required": ["a", "b"]},
            {"properties": {"a": {}, "b": {"type": "string"}}, "required": ["b"]},
        ),
        (
            {"type": "array", "items": {"additionalProperties": {"oneOf": []}}},
            {"type": "array", "items": {"additionalProperties": {}}},
        ),
        ({"properties": {"m": {"$ref": "Meta"}}}, {"properties": {"m": {"$ref": "#/definitions/Meta"}}}),
    ],
)
def test_custom_schemas(schema: JSON, expected: JSON) -> None:
    assert custom_definition(schema) == expected


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SchemaStore:
    return SchemaStore(tmp_path_factory.mktemp("schema"))


CRON_TAB = GVK("stable.example.com", "v1", "CronTab")


def contents(custom: JSON | None = None) -> Contents:
    status = SubresourceInfo("status", CRON_TAB, ("get", "patch"))
    info = ResourceInfo(
        GVR("stable.example.com", "v1", "crontabs"), "CronTab", True, "crontab", (), (),
        ("create", "get", "list", "patch", "watch"), {"status": status},
    )  # fmt: skip
    versions = {"v1": in_group_version("", "v1"), "apps/v1": in_group_version("apps", "v1")}
    if custom is None:
        return Contents(versions, {})
    return Contents(versions | {"stable.example.com/v1": (info,)}, {CRON_TAB: custom})


def test_the_whole_document(store: SchemaStore) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "nullable": True}}}
    document = orjson.loads(b"".join(as_json(pieces(contents(schema), store))))
    assert document["swagger"] == "2.0"
    assert "/api/v1/namespaces/{namespace}/pods/{name}/status" in document["paths"]
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert patch["x-kubernetes-action"] == "patch"
    named = {document["parameters"][one["$ref"].rpartition("/")[2]]["name"] for one in patch["parameters"][1:]}
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} == named
    custom = document["paths"]["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" in patch["consumes"]
    assert "application/strategic-merge-patch+json" not in custom["consumes"]
    definition = document["definitions"]["com.example.stable.v1.CronTab"]
    assert definition["x-kubernetes-group-version-kind"] == [CRON_TAB._asdict()]
    assert definition["properties"] == {"spec": {}}
    assert custom["responses"]["200"]["schema"] == {"$ref": "#/definitions/com.example.stable.v1.CronTab"}
    containers = document["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert (containers["x-kubernetes-patch-merge-key"], containers["x-kubernetes-patch-strategy"]) == ("name", "merge")
    assert references(document) <= {f"#/definitions/{name}" for name in document["definitions"]} | {
        f"#/parameters/{name}" for name in document["parameters"]
    }


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {ref for item in value for ref in references(item)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*(references(item) for item in value.values()))


def test_json_pieces() -> None:
    parts: list[JSON] = [{"a": "x", "b": {"c": 1}}, {"b": {"d": 2}}, {"e": {"f": 3}, "g": [1]}]
    assert b"".join(as_json(iter(parts))) == b'{"a":"x","b":{"c":1,"d":2},"e":{"f":3},"g":[1]}'
    assert b"".join(as_json(iter([{"a": {"b": 1}}]))) == b'{"a":{"b":1}}'


def test_the_hash_knows_what_the_document_is_made_of() -> None:
    plain, custom = digest_of(contents()), digest_of(contents({"type": "object"}))
    assert len({plain, custom, digest_of(contents({"type": "string"}))}) == 3
    assert plain == digest_of(contents())


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", PROTOBUF_TYPE),
        (PROTOBUF_TYPE, PROTOBUF_TYPE),
        ("application/json;q=0.5, application/com.github.proto-openapi.spec.v2@v1.0+protobuf", PROTOBUF_TYPE),
        ("application/xml, application/json", "application/json"),
    ],
)
def test_forms(accept: str, media: str) -> None:
    assert negotiate(accept).media == media


@pytest.mark.parametrize("accept", ["application/xml", "application/json;q=0", "text/*"])
def test_other_forms_are_refused(accept: str) -> None:
    with pytest.raises(ApiError) as refused:
        negotiate(accept)
    assert refused.value.code == 406


def test_files_are_whole_and_few(tmp_path: Path) -> None:
    for number in range(V2_FILES + 3):
        path = tmp_path / f"openapi-v2-{number}.json.gz"
        _write(path, iter([b"a", b"%d" % number]))
        _prune(path)
        assert zlib.decompress(path.read_bytes(), 31) == b"a%d" % number
    assert len(list(tmp_path.iterdir())) == V2_FILES
    assert path.exists()


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Any:
        yield b"a"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        _write(tmp_path / "openapi-v2-x.json.gz", broken())
    assert not list(tmp_path.iterdir())
