"""Kubernetes protobuf: bodies of the real kubectl, hand-made messages, round trips, the table against the schema."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest

from apimachinery.errors import ApiError
from apimachinery.resources import GVK
from apiserver.codec import field_table, protobuf
from apiserver.codec.message_reader import reader
from apiserver.codec.message_writer import writer
from apiserver.codec.special_forms import SPECIAL, format_duration, parse_duration
from apiserver.codec.wire_format import signed
from apiserver.schema import resources
from apiserver.schema.node import ANY, Schema
from apiserver.schema.store import SchemaStore
from tests.support.kubectl import find_kubectls
from tests.support.need import need

DEPLOYMENT = GVK("apps", "v1", "Deployment")
POD = GVK("", "v1", "Pod")
META = "k8s.io.apimachinery.pkg.apis.meta.v1"

KUBECTL_BODY = (
    b'k8s\x00\n\x15\n\x07apps/v1\x12\nDeployment\x12\xa7\x01\n\x1b\n\x01x\x12\x00\x1a\x00"\x00*\x002\x008\x00B\x00Z'
    b'\x08\n\x03app\x12\x01x\x12z\x08\x03\x12\n\n\x08\n\x03app\x12\x01x\x1ab\n\x1a\n\x00\x12\x00\x1a\x00"\x00*\x002'
    b'\x008\x00B\x00Z\x08\n\x03app\x12\x01x\x12D\x12&\n\x01y\x12\x01y*\x002\n\n\x00\x10\x00\x18P"\x00*\x00B\x00j\x00r'
    b"\x00\x80\x01\x00\x88\x01\x00\x90\x01\x00\xa2\x01\x00\x1a\x002\x00B\x00J\x00R\x00X\x00`\x00h\x00\x82\x01\x00\x8a"
    b'\x01\x00\x9a\x01\x00\xc2\x01\x00"\x02\n\x00(\x008\x00\x1a\x0c\x08\x00\x10\x00\x18\x00 \x00(\x008\x00\x1a\x00'
    b'"\x00'
)


def test_body_of_kubectl() -> None:
    """`kubectl create deployment x --image=y --replicas=3 --port=80`: every zero it writes is dropped."""
    container = {"name": "y", "image": "y", "ports": [{"containerPort": 80}], "resources": {}}
    assert protobuf.decode(KUBECTL_BODY) == (
        DEPLOYMENT,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "x", "labels": {"app": "x"}},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "x"}},
                "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container]}},
                "strategy": {},
            },
            "status": {},
        },
    )


def body(gvk: GVK, raw: bytes) -> bytes:
    meta = b"\x0a" + bytes((len(gvk.api_version),)) + gvk.api_version.encode()
    meta += b"\x12" + bytes((len(gvk.kind),)) + gvk.kind.encode()
    return b"k8s\x00\x0a" + bytes((len(meta),)) + meta + b"\x12" + bytes((len(raw),)) + raw


@pytest.mark.parametrize(
    ("gvk", "raw", "tree"),
    [
        (DEPLOYMENT, b"\x12\x02\x08\x00", {"spec": {"replicas": 0, "template": {}}}),
        (DEPLOYMENT, b"\x12\x02\x28\x00", {"spec": {"template": {}}}),
        (POD, b"\x12\x02\x20\x00", {"spec": {"containers": [], "terminationGracePeriodSeconds": 0}}),
        (
            POD,
            b"\x12\x0b\x20" + b"\xff" * 9 + b"\x01",
            {"spec": {"containers": [], "terminationGracePeriodSeconds": -1}},
        ),
        (POD, b"\x0a\x02\x42\x00", {"metadata": {}}),
        (POD, b"\x0a\x06\x42\x04\x08\x00\x10\x00", {"metadata": {"creationTimestamp": "1970-01-01T00:00:00Z"}}),
        (POD, b"\x0a\x04\x38\x07\x7a\x00", {"metadata": {"generation": 7}}),
        (GVK("", "v1", "ConfigMap"), b"\x12\x03\x0a\x01a", {"data": {"a": ""}}),
        (GVK("", "v1", "Secret"), b"\x12\x06\x0a\x01a\x12\x01\xff", {"data": {"a": "/w=="}}),
        (POD, b"\xf8\xff\x03\x01", {}),
    ],
    ids=[
        "a pointer keeps its zero",
        "omitempty drops its zero",
        "a pointer keeps its zero beside an absent list",
        "a negative number",
        "an empty time is null",
        "the epoch is a time",
        "an unknown field is skipped",
        "a map entry without a value",
        "bytes are base64",
        "an unknown field of a high number is skipped",
    ],
)
def test_hand_made_messages(gvk: GVK, raw: bytes, tree: dict[str, Any]) -> None:
    found_gvk, found = protobuf.decode(body(gvk, raw))
    assert found_gvk == gvk
    assert found == {"apiVersion": gvk.api_version, "kind": gvk.kind, **tree}


def whole(gvk: GVK, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": gvk.api_version, "kind": gvk.kind, **fields}


CRD = GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
CRD_SCHEMA = {
    "type": "object",
    "$ref": "#/x",
    "x-kubernetes-preserve-unknown-fields": True,
    "x-kubernetes-list-map-keys": ["a"],
    "properties": {
        "a": {"type": "array", "items": {"type": "string", "enum": ["x", 1, True]}},
        "b": {"type": "object", "additionalProperties": {"type": "string"}},
        "c": {"type": "object", "additionalProperties": False},
        "d": {"type": "integer", "default": 5, "minimum": 0, "maximum": 1.5},
        "e": {"x-kubernetes-int-or-string": True, "default": {"x": [1]}},
        "f": {"type": "object", "default": 0, "dependencies": {"x": ["y"], "z": {"type": "string"}}},
    },
}

ROUND_TRIPS: dict[str, tuple[GVK, dict[str, Any]]] = {
    "pod": (
        POD,
        {
            "metadata": {
                "name": "web",
                "creationTimestamp": "2026-11-20T10:00:00Z",
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:x": {}}}}],
                "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": True}],
                "finalizers": ["a/b"],
            },
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "env": [{"name": "A", "value": "1"}],
                        "envFrom": [{"configMapRef": {"name": "cm"}}],
                        "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}},
                        "livenessProbe": {"httpGet": {"port": "http", "path": "/"}, "periodSeconds": 5},
                        "readinessProbe": {"tcpSocket": {"port": 80}},
                    }
                ],
                "volumes": [{"name": "v", "configMap": {"name": "cm", "optional": False}}],
                "securityContext": {"supplementalGroups": [1, 2], "runAsUser": 0},
                "terminationGracePeriodSeconds": 0,
            },
            "status": {"startTime": "2026-11-20T10:00:00Z", "phase": "Running"},
        },
    ),
    "secret": (GVK("", "v1", "Secret"), {"metadata": {"name": "s"}, "data": {"a": "aGVsbG8="}, "type": "Opaque"}),
    "lease": (
        GVK("coordination.k8s.io", "v1", "Lease"),
        {
            "metadata": {"name": "l"},
            "spec": {"renewTime": "2026-11-20T10:00:00.123456Z", "leaseDurationSeconds": 15, "holderIdentity": ""},
        },
    ),
    "crd": (
        CRD,
        {
            "metadata": {"name": "foos.example.com"},
            "spec": {
                "group": "example.com",
                "names": {"plural": "foos", "kind": "Foo"},
                "scope": "Namespaced",
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": CRD_SCHEMA}}
                ],
            },
        },
    ),
    "revision": (
        GVK("apps", "v1", "ControllerRevision"),
        {"metadata": {"name": "r"}, "data": {"spec": {"x": [1, None, "y"]}}, "revision": 3},
    ),
    "token request": (
        GVK("authentication.k8s.io", "v1", "TokenRequest"),
        {
            "metadata": {},
            "spec": {"audiences": ["a"], "expirationSeconds": 600, "boundObjectRef": {"kind": "Pod", "uid": "u"}},
            "status": {"token": "t", "expirationTimestamp": "2026-11-20T10:00:00Z"},
        },
    ),
    "review": (
        GVK("authorization.k8s.io", "v1", "SubjectAccessReview"),
        {"metadata": {}, "spec": {"user": "u", "extra": {"k": ["a", "b"]}}, "status": {"allowed": True}},
    ),
    "webhooks": (
        GVK("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
        {
            "metadata": {"name": "w"},
            "webhooks": [
                {
                    "name": "a.b.c",
                    "clientConfig": {"url": "https://x", "caBundle": "AAE="},
                    "rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        },
    ),
    "ingress": (
        GVK("networking.k8s.io", "v1", "Ingress"),
        {
            "metadata": {"name": "i"},
            "spec": {
                "rules": [
                    {
                        "host": "x",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "s", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ]
            },
            "status": {"loadBalancer": {}},
        },
    ),
    "volume": (
        GVK("", "v1", "PersistentVolume"),
        {"metadata": {"name": "p"}, "spec": {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/d"}}},
    ),
    "list": (
        GVK("", "v1", "PodList"),
        {"metadata": {"resourceVersion": "5"}, "items": [{"metadata": {"name": "a"}, "spec": {"containers": []}}]},
    ),
    "options": (GVK("apps", "v1", "DeleteOptions"), {"gracePeriodSeconds": 0, "propagationPolicy": "Foreground"}),
    "status": (
        GVK("", "v1", "Status"),
        {"metadata": {}, "status": "Failure", "code": 404, "details": {"causes": [{"reason": "x", "field": "f"}]}},
    ),
}


@pytest.mark.parametrize("case", ROUND_TRIPS, ids=str)
def test_round_trip(case: str) -> None:
    gvk, fields = ROUND_TRIPS[case]
    obj = whole(gvk, **fields)
    assert protobuf.decode(protobuf.encode(gvk, obj)) == (gvk, obj)


def test_nulls_and_unknown_fields_are_not_written() -> None:
    obj = whole(POD, metadata={"name": "a", "creationTimestamp": None, "labels": None}, nothing={"x": 1})
    assert protobuf.decode(protobuf.encode(POD, obj))[1] == whole(POD, metadata={"name": "a"})


def test_quantities_come_out_canonical() -> None:
    quota = GVK("", "v1", "ResourceQuota")
    obj = whole(quota, spec={"hard": {"cpu": "1000m", "memory": "1024Mi"}})
    assert protobuf.decode(protobuf.encode(quota, obj))[1]["spec"] == {"hard": {"cpu": "1", "memory": "1Gi"}}


def test_default_kind_and_json_within() -> None:
    assert protobuf.decode(b"k8s\x00\x12\x00", default=POD) == (POD, {"apiVersion": "v1", "kind": "Pod"})
    inner = orjson.dumps({"metadata": {"name": "x"}})
    within = body(POD, inner) + b"\x22\x10application/json"
    assert protobuf.decode(within)[1] == whole(POD, metadata={"name": "x"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "expected prefix [107 56 115 0]"),
        (b"k8s\x00\x0a\x7f", "unexpected EOF"),
        (body(POD, b"\x0a\x05\x0a"), "unexpected EOF"),
        (body(POD, b"\x0a\x03\x0a\x01\xff"), "invalid UTF-8"),
        (body(POD, b"\x0f"), "illegal wireType 7"),
        (body(POD, b"\x80" * 11), "integer overflow"),
        (body(GVK("example.com", "v1", "Foo"), b""), 'no kind "Foo" is registered for version "example.com/v1"'),
        (body(GVK("", "v1", "Nope"), b""), 'no kind "Nope" is registered for version "v1"'),
    ],
)
def test_malformed_bodies_are_400(data: bytes, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        protobuf.decode(data)
    assert refused.value.code == 400
    assert message in refused.value.message


def test_every_cut_of_a_body_is_refused_or_read() -> None:
    for end in range(len(KUBECTL_BODY)):
        try:
            protobuf.decode(KUBECTL_BODY[:end])
        except ApiError as refused:
            assert refused.code == 400


def test_watch_frame() -> None:
    frame = protobuf.encode_watch_event("ADDED", POD, whole(POD, metadata={"name": "a"}))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    event = reader(f"{META}.WatchEvent").read(frame, 4, len(frame))
    assert event == {"type": "ADDED", "object": whole(POD, metadata={"name": "a"})}


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0s"),
        (10**9, "1s"),
        (1500 * 10**6, "1.5s"),
        (90 * 10**9, "1m30s"),
        (3600 * 10**9, "1h0m0s"),
        (300 * 10**6, "300ms"),
        (1500, "1.5µs"),
        (1, "1ns"),
        (-(10**9), "-1s"),
    ],
)
def test_durations(nanos: int, text: str) -> None:
    assert format_duration(nanos) == text
    assert parse_duration(text) == nanos


def test_bad_duration() -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration("5 minutes")


def test_signed() -> None:
    assert signed((1 << 64) - 1) == -1


def test_every_message_compiles() -> None:
    for name in field_table.messages():
        empty = reader(name).read(b"", 0, 0)
        if name not in SPECIAL:
            assert isinstance(writer(name).write(empty), bytes)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SchemaStore:
    return SchemaStore(tmp_path_factory.mktemp("schema"))


def _json_names(message: str) -> dict[str, str]:
    """JSON names of a message's fields, embedded structs included, with the message of each."""
    names: dict[str, str] = {}
    for field in field_table.fields(message):
        names.update(_json_names(field.type) if field.inline else {field.name: field.type})
    return names


def _differences(schema: Schema, message: str, seen: set[str], path: str) -> list[str]:
    if message in seen or schema.special == ANY or message in SPECIAL or "." not in message:
        return []
    seen.add(message)
    names = _json_names(message)
    fields = {name: field for name, field in schema.properties.items() if name in names}
    odd = set(names).symmetric_difference(schema.properties) - {"apiVersion", "kind"}
    found = [f"{path} ({message}): {sorted(odd)}"] if odd else []
    for name, field in fields.items():
        value = field.items or field
        found += _differences(value.additional or value, names[name], seen, f"{path}.{name}")
    return found


def test_field_names_are_those_of_the_schema(store: SchemaStore) -> None:
    """The two sources, protobuf definitions and OpenAPI, name the same fields for every built-in kind."""
    found: list[str] = []
    for info in resources.BUILTIN:
        schema, message = store.for_kind(info.gvk), field_table.message_name(info.gvk)
        assert schema is not None
        assert message is not None
        found += _differences(schema, message, set(), info.kind)
    assert found == []


COMMANDS: dict[str, list[str]] = {
    "deployment": ["deployment", "x", "--image=y", "--replicas=0"],
    "configmap": ["configmap", "c", "--from-literal=a=b"],
    "secret": ["secret", "generic", "s", "--from-literal=a=b"],
    "job": ["job", "j", "--image=y"],
    "cronjob": ["cronjob", "cj", "--image=y", "--schedule=*/1 * * * *"],
    "service": ["service", "nodeport", "np", "--tcp=80:8080"],
    "ingress": ["ingress", "i", "--rule=foo.com/bar=svc1:8080"],
    "quota": ["quota", "q", "--hard=cpu=1,memory=1Gi"],
    "pdb": ["pdb", "p", "--selector=app=x", "--min-available=50%"],
    "priorityclass": ["priorityclass", "pc", "--value=1000"],
    "namespace": ["namespace", "n"],
    "serviceaccount": ["serviceaccount", "sa"],
}


class _Recorder(HTTPServer):
    bodies: list[bytes]


class _Record(BaseHTTPRequestHandler):
    server: _Recorder

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"kind":"Status","apiVersion":"v1","status":"Success"}')

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to say."""


def _kubectl() -> str:
    found = find_kubectls()
    need(bool(found), "no kubectl of 1.31 to 1.33 found")
    return next(iter(found.values()))


def _without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_nulls(value) for key, value in tree.items() if value is not None}
    return [_without_nulls(item) for item in tree] if isinstance(tree, list) else tree


@pytest.mark.kubectl
@pytest.mark.parametrize("case", COMMANDS, ids=str)
def test_what_kubectl_sends_is_what_it_prints(case: str) -> None:
    kubectl, command = _kubectl(), COMMANDS[case]
    with _Recorder(("127.0.0.1", 0), _Record) as server:
        server.bodies = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        subprocess.run([kubectl, "-s", url, "create", "--validate=false", *command], check=True, capture_output=True)
        server.shutdown()
    printed = subprocess.run(
        [kubectl, "create", "--dry-run=client", "-o", "json", *command], check=True, capture_output=True
    ).stdout
    if not server.bodies[0].startswith(b"k8s\x00"):
        pytest.skip("this kubectl sends JSON")
    assert protobuf.decode(server.bodies[0])[1] == _without_nulls(orjson.loads(printed))
