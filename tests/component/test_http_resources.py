"""The HTTPS front door over a fake pipeline: what goes over the wire for each verb, and how refusals read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apimachinery.errors import ApiError
from apimachinery.resources import GVK
from apiserver.codec import protobuf
from apiserver.http.limits import BODY_BYTES
from tests.support.http_client import Answer, HttpClient
from tests.support.http_front import Front, front_door, make_certificates, make_pod

PODS = "/api/v1/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory)


@pytest.fixture
async def front(certificates: Path) -> AsyncIterator[Front]:
    async with front_door(certificates, certificates, tls=False) as front:
        yield front


@pytest.fixture
async def client(front: Front) -> AsyncIterator[HttpClient]:
    async with HttpClient(front.port) as client:
        yield client


def body(pod: str = "new", **more: Any) -> bytes:
    return json.dumps({**make_pod(pod), **more}).encode()


# --- reading


async def test_get_sends_the_stored_bytes(front: Front, client: HttpClient) -> None:
    front.pod()
    answer = await client.get(f"{PODS}/web")
    assert answer.status == 200
    assert answer.body == front.pipeline.objects["pods", "default", "web"].raw
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache, private"
    assert answer.headers["audit-id"]


async def test_list_has_items_without_kind(front: Front, client: HttpClient) -> None:
    front.pod("a")
    front.pod("b")
    listed = (await client.get("/api/v1/pods")).json()
    assert (listed["kind"], listed["apiVersion"]) == ("PodList", "v1")
    assert listed["metadata"] == {"resourceVersion": "500"}
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
    assert "kind" not in listed["items"][0] and "apiVersion" not in listed["items"][0]


async def test_empty_list_is_not_null(client: HttpClient) -> None:
    assert (await client.get("/apis/apps/v1/deployments/")).json()["items"] == []


async def test_chunks(front: Front, client: HttpClient) -> None:
    front.pod("a")
    front.pod("b")
    metadata = (await client.get("/api/v1/pods?limit=1")).json()["metadata"]
    assert metadata == {"resourceVersion": "500", "continue": "token", "remainingItemCount": 1}


async def test_table(front: Front, client: HttpClient) -> None:
    front.pod()
    table = (await client.get("/api/v1/pods", accept=TABLE)).json()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["metadata"]["resourceVersion"] == "500"
    assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Ready", "Status"]
    [row] = table["rows"]
    assert row["cells"][0] == "web"
    assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "web")
    one = (await client.get(f"{PODS}/web?includeObject=Object", accept=TABLE)).json()
    assert one["rows"][0]["object"]["spec"]["nodeName"] == "n1"
    none = (await client.get(f"{PODS}/web?includeObject=None", accept=TABLE)).json()
    assert none["rows"][0]["object"] is None


async def test_metadata_only(front: Front, client: HttpClient) -> None:
    front.pod()
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
    listed = (await client.get("/api/v1/pods", accept=accept)).json()
    assert (listed["kind"], listed["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
    one = (await client.get(f"{PODS}/web", accept=accept.replace("List", ""))).json()
    assert one["kind"] == "PartialObjectMetadata"


async def test_yaml_protobuf_and_pretty(front: Front, client: HttpClient) -> None:
    front.pod()
    yaml = await client.get(f"{PODS}/web", accept="application/yaml")
    assert yaml.headers["content-type"] == "application/yaml" and b"\nkind: Pod\n" in yaml.body
    proto = await client.get(f"{PODS}/web", accept=PROTOBUF)
    assert proto.headers["content-type"] == PROTOBUF
    assert protobuf.decode(proto.body)[1]["metadata"]["name"] == "web"
    listed = await client.get("/api/v1/pods", accept=PROTOBUF)
    assert protobuf.decode(listed.body)[0] == GVK("", "v1", "PodList")
    either = await client.get(f"{PODS}/web", accept=f"{PROTOBUF}, */*")
    assert either.headers["content-type"] == "application/json"
    assert b'\n  "kind"' in (await client.get(f"{PODS}/web?pretty=true")).body
    assert b'\n  "kind"' in (await client.get(f"{PODS}/web", user_agent="curl/8")).body


# --- writing


async def test_create_defaults_kind_and_namespace_from_the_url(front: Front, client: HttpClient) -> None:
    answer = await client.send(
        "POST", f"{PODS}?fieldManager=me", b'{"metadata":{"name":"x"},"spec":{}}', content_type=""
    )
    assert answer.status == 201
    assert answer.json()["kind"] == "Pod"
    request = front.pipeline.requests[-1]
    assert request.body["apiVersion"] == "v1" and request.body["metadata"]["namespace"] == "default"
    assert (request.field_manager, request.verb, request.gvr.resource) == ("me", "create", "pods")


async def test_create_from_yaml_and_protobuf(front: Front, client: HttpClient) -> None:
    yaml = b"kind: Pod\napiVersion: v1\nmetadata: {name: y}\nspec: {containers: []}\n"
    assert (await client.send("POST", PODS, yaml, content_type="application/yaml")).status == 201
    proto = protobuf.encode(GVK("", "v1", "Pod"), make_pod("p"))
    assert (await client.send("POST", PODS, proto, content_type=PROTOBUF)).status == 201
    assert front.pipeline.requests[-1].body["metadata"]["name"] == "p"


async def test_duplicate_fields_are_told(front: Front, client: HttpClient) -> None:
    text = b'{"metadata":{"name":"d","name":"e"},"spec":{}}'
    await client.send("POST", PODS, text)
    assert front.pipeline.requests[-1].decode_errors == ('duplicate field "metadata.name"',)


async def test_warnings_become_headers(front: Front, client: HttpClient) -> None:
    front.pipeline.warnings = ('unknown field "spec.x"',)
    answer = await client.send("POST", PODS, body())
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.x\\""'


async def test_patch_types(front: Front, client: HttpClient) -> None:
    front.pod()
    for media in ("merge-patch+json", "strategic-merge-patch+json"):
        answer = await client.send("PATCH", f"{PODS}/web", b'{"a":1}', content_type=f"application/{media}")
        assert answer.status == 200
        assert front.pipeline.requests[-1].patch_type.value == f"application/{media}"  # type: ignore[union-attr]


async def test_delete_options_from_body_and_query(front: Front, client: HttpClient) -> None:
    front.pod()
    answer = await client.send("DELETE", f"{PODS}/web?gracePeriodSeconds=3&propagationPolicy=Orphan")
    assert front.pipeline.requests[-1].body == {"gracePeriodSeconds": 3, "propagationPolicy": "Orphan"}
    assert answer.json()["details"]["uid"] == "uid-web"
    front.pod()
    await client.send("DELETE", f"{PODS}/web", b'{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}')
    assert front.pipeline.requests[-1].dry_run
    assert (await client.send("DELETE", PODS)).json()["kind"] == "PodList"


async def test_subresource_create(front: Front, client: HttpClient) -> None:
    eviction = b'{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"web"}}'
    answer = await client.send("POST", f"{PODS}/web/eviction", eviction)
    assert (answer.status, answer.json()["kind"]) == (201, "Status")
    request = front.pipeline.requests[-1]
    assert (request.subresource, request.name, request.body["apiVersion"]) == ("eviction", "web", "policy/v1")


# --- refusals


async def status_of(answer: Answer) -> tuple[int, str, str]:
    status = answer.json()
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    assert status["code"] == answer.status
    return answer.status, status["reason"], status["message"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "headers", "expected"),
    [
        ("GET", f"{PODS}/none", b"", {}, (404, "NotFound", 'pods "none" not found')),
        ("GET", "/api/v1/toys", b"", {}, (404, "NotFound", "the server could not find the requested resource")),
        ("GET", f"{PODS}/web/toys", b"", {}, (404, "NotFound", "the server could not find the requested resource")),
        ("GET", "/api/v1/pods/web", b"", {}, (404, "NotFound", "the server could not find the requested resource")),
        (
            "POST", "/api/v1/pods", body(), {},
            (405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        ),
        (
            "GET", PODS, b"", {"accept": "text/html"},
            (
                406, "NotAcceptable",
                "only the following media types are accepted: application/json, application/yaml, "
                "application/vnd.kubernetes.protobuf",
            ),
        ),
        (
            "POST", PODS, b"x", {"content_type": "text/csv"},
            (
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json, "
                "application/yaml, application/vnd.kubernetes.protobuf",
            ),
        ),
        (
            "PATCH", f"{PODS}/web", b"{}", {"content_type": "application/json"},
            (
                415, "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
                "application/apply-patch+yaml",
            ),
        ),
        (
            "POST", PODS, b"", {},
            (400, "BadRequest", "couldn't get version/kind; json parse error: unexpected end of JSON input"),
        ),
        (
            "POST", PODS, body(apiVersion="v2"), {},
            (
                400, "BadRequest",
                "the API version in the data (v2) does not match the expected API version (v1)",
            ),
        ),
        (
            "POST", PODS, body(kind="Service"), {},
            (
                400, "BadRequest",
                'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown '
                "conversion",
            ),
        ),
        (
            "POST", "/api/v1/namespaces/other/pods", body(), {},
            (
                400, "BadRequest",
                "the namespace of the provided object does not match the namespace sent on the request",
            ),
        ),
        (
            "PUT", f"{PODS}/web", body("other"), {},
            (400, "BadRequest", "the name of the object (other) does not match the name on the URL (web)"),
        ),
        (
            "POST", f"{PODS}?dryRun=Some", body(), {},
            (
                422, "Invalid",
                'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": supported values: "All"',
            ),
        ),
        (
            "PATCH", f"{PODS}/web", b"{}", {"content_type": "application/apply-patch+yaml"},
            (
                422, "Invalid",
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
            ),
        ),
        (
            "POST", PODS, b"x" * (BODY_BYTES + 1), {},
            (413, "RequestEntityTooLarge", f"Request entity too large: limit is {BODY_BYTES}"),
        ),
        ("GET", PODS, b"", {"token": "wrong"}, (401, "Unauthorized", "Unauthorized")),
        (
            "GET", PODS, b"", {"token": "nobody"},
            (403, "Forbidden", 'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the '
             'namespace "default"'),
        ),
        (
            "GET", "/healthz", b"", {"token": "nobody"},
            (403, "Forbidden", 'forbidden: User "nobody" cannot get path "/healthz"'),
        ),
    ],
)  # fmt: skip
async def test_refusals(
    client: HttpClient, method: str, path: str, sent: bytes, headers: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert await status_of(await client.send(method, path, sent, **headers)) == expected


async def test_unknown_paths_are_plain_text(client: HttpClient) -> None:
    for path in ("/nope", "/apis/nope.example.com", "/apis/nope.example.com/v1"):
        answer = await client.get(path)
        assert (answer.status, answer.body) == (404, b"404 page not found\n")


async def test_impersonation(front: Front, client: HttpClient) -> None:
    await client.get(PODS, headers={"Impersonate-User": "system:serviceaccount:ns:sa"})
    user = front.pipeline.requests[-1].user
    assert user.name == "system:serviceaccount:ns:sa"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated")
    refused = await client.get(PODS, token="nobody", headers={"Impersonate-User": "root"})
    assert refused.status == 403


# --- watch


async def next_event(lines: AsyncIterator[bytes]) -> Any:
    async with asyncio.timeout(5):
        return json.loads(await anext(lines))


async def test_watch_streams_spliced_events(front: Front, client: HttpClient) -> None:
    front.pod("a")
    lines = client.lines("/api/v1/pods?watch=true")
    first = await next_event(lines)
    assert first["type"] == "ADDED" and first["object"]["kind"] == "Pod"
    front.pipeline.tell_bookmark()
    mark = (await next_event(lines))["object"]
    assert (mark["kind"], mark["apiVersion"]) == ("Pod", "v1")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    front.pipeline.tell_error(ApiError("Expired", "too old"))
    last = await next_event(lines)
    assert last["type"] == "ERROR" and last["object"]["code"] == 410
    with pytest.raises(StopAsyncIteration):
        await anext(lines)


async def test_watch_as_table_tells_columns_once(front: Front, client: HttpClient) -> None:
    front.pod("a")
    lines = client.lines("/api/v1/pods?watch=1", accept=TABLE)
    first = await next_event(lines)
    assert first["object"]["kind"] == "Table" and first["object"]["columnDefinitions"]
    front.pod("b")
    second = await next_event(lines)
    assert second["object"]["columnDefinitions"] == []
    assert second["object"]["rows"][0]["object"]["metadata"]["name"] == "b"
    await lines.aclose()


async def test_quiet_watch_answers_at_once_and_a_bad_one_with_its_status(client: HttpClient) -> None:
    refused = await client.get("/api/v1/pods?watch=true&resourceVersion=bad")
    assert refused.status == 400
    answer = await client.begin("/api/v1/watch/namespaces/default/pods/x")
    assert answer.status == 200


async def test_legacy_watch_selects_by_name(front: Front, client: HttpClient) -> None:
    await client.begin("/api/v1/watch/namespaces/default/pods/x")
    request = front.pipeline.requests[-1]
    assert (request.verb, request.name, request.query.field_selector) == ("watch", "", "metadata.name=x")
