"""`orrery etcd`: names of keys, trees, diffs and revisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apiserver.storage.keys import etcd_key as stored_key
from apiserver.storage.keys import prefix_of
from cli.diffs import LINES, diff
from cli.errors import UserError
from cli.etcd import etcdctl, showing
from cli.kinds import etcd_key, etcd_prefix, near_kinds, plural
from proto.etcd_view_pb2 import Key, Revision


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("pod/web-1", "/registry/pods/default/web-1"),
        ("po/shop/web-1", "/registry/pods/shop/web-1"),
        ("node/worker-1", "/registry/minions/worker-1"),
        ("svc/web", "/registry/services/specs/default/web"),
        ("ep/web", "/registry/services/endpoints/default/web"),
        ("Ingress/web", "/registry/ingress/default/web"),
        ("NetworkPolicy/web", "/registry/networkpolicies/default/web"),
        ("storageclass/fast", "/registry/storageclasses/fast"),
        ("widgets.example.com/default/a", "/registry/example.com/widgets/default/a"),
        ("/registry/anything", "/registry/anything"),
    ],
)
def test_keys_of_objects(text: str, key: str) -> None:
    assert etcd_key(text) == key


@pytest.mark.parametrize(
    ("group", "resource"),
    [("", "pods"), ("", "nodes"), ("", "services"), ("", "endpoints"), ("apps", "deployments"),
     ("networking.k8s.io", "ingresses"), ("", "replicationcontrollers"), ("coordination.k8s.io", "leases"),
     ("apiextensions.k8s.io", "customresourcedefinitions"), ("apiregistration.k8s.io", "apiservices")],
)  # fmt: skip
def test_the_command_and_the_apiserver_agree_on_keys(group: str, resource: str) -> None:
    assert etcd_key(f"{resource}/ns/x") == stored_key(prefix_of(group, resource), "ns/x").decode()


@pytest.mark.parametrize("text", ["pod", "", "pod/", "a/b/c/d"])
def test_what_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        etcd_key(text)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Pod", "pods"), ("pods", "pods"), ("ingresses", "ingresses"), ("policy", "policies"), ("ev", "events"),
     ("endpointslice", "endpointslices"), ("endpoints", "endpoints"), ("statefulset", "statefulsets"), ("p*", "p*")],
)  # fmt: skip
def test_plurals(kind: str, expected: str) -> None:
    assert plural(kind) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ a: 1 -> 2"]),
        ({"a": {"b": 1}}, {"a": {"c": "x"}}, ["- a.b: 1", '+ a.c: "x"']),
        ({"l": {"app.io/x": 1}}, {"l": {"app.io/x": 2}}, ["~ l[app.io/x]: 1 -> 2"]),
        ({"c": [{"name": "a", "n": 1}, {"name": "b"}]}, {"c": [{"name": "b"}, {"name": "a", "n": 2}]},
         ["~ c[a].n: 1 -> 2"]),
        ({"c": [1, 2]}, {"c": [1]}, ["~ c: [1, 2] -> [1]"]),
        ({"metadata": {"resourceVersion": "1", "managedFields": []}}, {"metadata": {"resourceVersion": "2"}}, []),
    ],
)  # fmt: skip
def test_diffs(before: Any, after: Any, expected: list[str]) -> None:
    assert diff(before, after) == expected


def test_a_long_diff_ends_with_a_count() -> None:
    lines = diff({}, {str(n): n for n in range(LINES + 5)})
    assert len(lines) == LINES + 1
    assert lines[-1] == "... and 5 more changes"


def test_trees() -> None:
    keys = [
        Key(key="/registry/pods/default/a", revision=5, version=3, size=100),
        Key(key="/registry/pods/default/b", revision=6, version=1, size=2000),
        Key(key="/registry/minions/n", revision=2, version=1, size=10),
    ]
    assert showing.tree(keys, 9) == [
        "└── registry  (3 keys, 2.1 KB)",
        "    ├── pods  (2 keys, 2.1 KB)",
        "    │   └── default  (2 keys, 2.1 KB)",
        "    │       ├── a  rev 5, changed 2 times, 100 B",
        "    │       └── b  rev 6, 2.0 KB",
        "    └── minions  (1 key, 10 B)",
        "        └── n  rev 2, 10 B",
        "",
        "3 keys, 2.1 KB, store at revision 9",
    ]
    assert showing.tree(keys, 9, 2)[2] == "    └── minions  (1 key, 10 B)"
    assert showing.tree([], 9) == ["no keys (store at revision 9)"]


def test_a_history_shows_who_changed_what() -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    history = [
        Revision(revision=3, version=4, size=9, raw=b'{"a": 1}', writer="x", before_history=True, omitted=2),
        Revision(revision=5, version=5, size=9, raw=b'{"a": 2}', writer="y", traceparent=parent),
        Revision(revision=6, deleted=True, traceparent=parent),
        Revision(revision=8, version=1, size=9, raw=b'{"a": 3}'),
    ]
    assert list(showing.revisions(history)) == [
        "... 2 older revisions are left out",
        "rev 3  write 4, 9 B  by x",
        "    (what came before was compacted)",
        f"rev 5  write 5, 9 B  by y  trace {'a' * 32}",
        "    ~ a: 1 -> 2",
        f"rev 6  DELETED  trace {'a' * 32}",
        "rev 8  CREATED, 9 B  by unknown",
    ]


def test_a_value_that_is_no_json_is_shown_as_it_is() -> None:
    assert showing.value(Revision(key="/x", raw=b"\x00abc")).endswith("b'\\x00abc'")
    assert json.loads(showing.value(Revision(key="/x", raw=b'{"a":1}')).partition("\n\n")[2]) == {"a": 1}


def test_without_etcdctl_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="etcd-client"):
        etcdctl.require_etcdctl()
    with pytest.raises(UserError, match="no such file"):
        etcdctl.snapshot_status(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("", ""),
        ("/registry/po", "/registry/po"),
        ("pods", "/registry/pods/"),
        ("po/shop", "/registry/pods/shop/"),
        ("svc/shop/web", "/registry/services/specs/shop/web"),
        ("nodes", "/registry/minions/"),
        ("no/worker-1", "/registry/minions/worker-1"),
    ],
)
def test_beginnings_of_keys_as_typed(text: str, prefix: str) -> None:
    assert etcd_prefix(text) == prefix


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/registry/x", ""),
        ("pod/web", ""),
        ("widgets.example.com/web", ""),
        ("pdo/web", "; pdo is no built-in kind; near it are: pod"),
    ],
)
def test_kinds_that_are_mistyped(text: str, said: str) -> None:
    assert near_kinds(text).startswith(said) and bool(near_kinds(text)) is bool(said)


def test_a_removal_names_who_asked_for_it_where_that_is_known() -> None:
    known = Revision(revision=7, deleted=True, writer="admin")
    assert list(showing.revision(known, b"")) == ["rev 7  DELETED  by admin"]
    assert list(showing.revision(Revision(revision=7, deleted=True), b"")) == ["rev 7  DELETED"]
