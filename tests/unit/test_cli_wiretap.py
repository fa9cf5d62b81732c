"""`orrery wire`: what is asked for, shown, followed, compared and kept."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from cli.errors import UserError
from cli.wiretap import recording, showing, telling
from cli.wiretap.following import Follower
from cli.wiretap.live import names_of
from cli.wiretap.options import WireOptions
from cli.wiretap.states import States
from cli.wiretap.telling import Teller, replay
from proto.debug_pb2 import WireMessage

API = "/orrery.api.v1.Api/"
CRI = "/runtime.v1.RuntimeService/"


def message(**fields: Any) -> WireMessage:
    plain = {"caller": "scheduler", "callee": "apiserver", "component": "scheduler", "status": "OK", "time": 1e9}
    return WireMessage(**{**plain, **fields})


def pod(name: str = "web-1", **fields: Any) -> WireMessage:
    return message(**{"method": f"{API}Get", "kind": "pods", "namespace": "default", "name": name, **fields})


def body(revision: int, **spec: Any) -> bytes:
    return json.dumps({"kind": "Pod", "metadata": {"resourceVersion": str(revision)}, "spec": spec}).encode()


# --- options


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, True),
        ({"component": "sched*"}, True),
        ({"component": "apiserver"}, True),
        ({"component": "dns"}, False),
        ({"object": "pod/web-1"}, True),
        ({"object": "po"}, True),
        ({"object": "pods/shop/web-1"}, False),
        ({"object": "pods/*/web-*"}, True),
        ({"exclude": "leases,po"}, False),
        ({"exclude": "leases"}, True),
        ({"method": "Api/Get"}, True),
        ({"method": "etcd"}, False),
        ({"errors": True}, False),
    ],
)
def test_which_messages_are_shown(options: dict[str, Any], shown: bool) -> None:
    assert WireOptions(**options).shows(pod()) is shown


@pytest.mark.parametrize(
    "options",
    [
        {"object": "pod/a", "follow": "pod/a"},
        {"read": "a", "record": "b"},
        {"read": "a", "duration": 3.0},
        {"follow": "pod"},
        {"follow": "a/b/c/d"},
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        WireOptions(**options).check()


def test_components_are_asked_for_no_more_than_is_shown_unless_more_is_needed() -> None:
    assert WireOptions(object="pod/web-1").asked.name == "web-1"
    assert not WireOptions(object="pod/web-1").asked.bodies
    assert WireOptions(object="pod/web-1", diff=True).asked.name == ""
    assert WireOptions(follow="pod/web-1").asked.bodies


# --- one line


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (pod(revision=7, request_bytes=20, response_bytes=2048, seconds=0.0031),
         "scheduler -> apiserver  Api/Get  pods default/web-1 @7  20 B / 2.0 KB  3.1 ms  OK"),
        (pod(method=f"{API}Watch", detail="MODIFIED", streamed=True, response_bytes=5),
         "scheduler <- apiserver  Api/Watch MODIFIED  pods default/web-1  5 B  OK"),
        (message(method="etcd/Txn", detail="PUT", kind="pods", name="x", callee="etcd", failed=True, status="Conflict"),
         "scheduler -> etcd  etcd/Txn PUT  pods x  0 B / 0 B  !Conflict"),
        (message(method="PATCH /api/v1/nodes/a", caller="kubectl (admin)", kind="nodes", name="a", status="200"),
         "kubectl (admin) -> apiserver  PATCH /api/v1/nodes/a  nodes a  0 B / 0 B  200"),
        (message(method=f"{CRI}StartContainer", kind="Container", name="a" * 64),
         "scheduler -> apiserver  RuntimeService/StartContainer  Container aaaaaaaaaaaaa  0 B / 0 B  OK"),
    ],
)  # fmt: skip
def test_lines(told: WireMessage, expected: str) -> None:
    assert showing.line(told).partition("  ")[2] == expected


def test_bodies_are_indented_below() -> None:
    assert [one.strip() for one in showing.below(b'{"a":1}', b"")] == ["> {", '>  "a": 1', "> }"]
    assert "more characters" in showing.below(b'"' + b"x" * 9000 + b'"', b"")[-1]


def test_ports_have_names() -> None:
    names = names_of({"apiserver-rpc": "127.0.0.1:1", "kubelet-worker-1": "127.0.0.1:2", "etcd": "127.0.0.1:3"})
    assert names == {"127.0.0.1:1": "apiserver", "127.0.0.1:2": "kubelet-worker-1", "127.0.0.1:3": "etcd"}


# --- following


def test_a_pod_is_followed_into_its_containers() -> None:
    follower = Follower(WireOptions(follow="pod/web-1").followed)
    sandbox = pod(method=f"{CRI}RunPodSandbox", kind="Pod", response=b'{"pod_sandbox_id":"s1"}')
    container = pod(method=f"{CRI}CreateContainer", kind="Pod", response=b'{"container_id":"c1"}')
    assert not follower.follows(message(method=f"{CRI}StartContainer", kind="Container", name="c1"))
    assert follower.follows(sandbox)
    assert follower.follows(container)
    assert follower.follows(message(method=f"{CRI}StartContainer", kind="Container", name="c1"))
    assert follower.follows(message(method=f"{CRI}PodSandboxStatus", kind="Pod", name="s1"))
    assert not follower.follows(message(method=f"{CRI}StartContainer", kind="Container", name="c2"))
    assert follower.follows(message(method=f"{API}Watch", kind="events", namespace="default", name="web-1.18f"))
    assert not follower.follows(pod("web-2"))
    assert not follower.follows(pod(namespace="shop"))


# --- diffs


def test_a_transaction_tells_what_its_request_and_events_changed() -> None:
    states = States()
    txn = pod(method="etcd/Txn", detail="PUT", revision=8, request=body(0, a=2), before=body(0, a=1))
    event = pod(method=f"{API}Watch", detail="MODIFIED", revision=8, response=body(8, a=2))
    scale = pod(method="PATCH /x/scale", detail="patch scale", request=b'{"x":1}',
                response=b'{"kind":"Scale","metadata":{"resourceVersion":"8"}}')  # fmt: skip
    for one in (txn, event, scale):
        assert states.changes(one) == ["~ spec.a: 1 -> 2"]


def test_without_a_state_before_a_patch_shows_itself() -> None:
    told = pod(method=f"{API}WriteMany", detail="PATCH", request=b'{"spec":{"a":2}}', response=body(8, a=2), revision=8)
    assert States().changes(told) == ['patch {"spec": {"a": 2}}']


def test_reads_are_no_changes_but_are_learnt_from() -> None:
    states = States()
    assert states.changes(pod(response=body(7, a=1), revision=7)) is None
    event = pod(method=f"{API}Watch", detail="MODIFIED", revision=8, response=body(8, a=2))
    assert states.changes(event) == ["~ spec.a: 1 -> 2"]


# --- recordings


def test_a_recording_is_read_back_with_the_same_filters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wire.jsonl"
    told = [pod(revision=7, request=b'{"a": 1}', lost=3), pod("web-2", failed=True, status="NotFound")]
    file.write_text("\n".join([recording.header("c"), *map(recording.to_line, told), '{"torn']))
    assert list(recording.read(file)) == told
    replay(WireOptions(read=str(file), errors=True))
    printed = capsys.readouterr().out.splitlines()
    assert "3 messages lost here" in printed[0]
    assert "web-2" in printed[1]
    assert len(printed) == 2


@pytest.mark.parametrize("content", ["", "nonsense", '{"format": "orrery-wire-1"}\n{"no": 1}\n{"method": "x"}'])
def test_what_is_no_recording_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(UserError):
        list(recording.read(tmp_path / "x"))


def test_count_ends_it() -> None:
    teller = Teller(WireOptions(count=1))
    assert not teller.done
    assert len(list(teller.tell(pod()))) == 1
    assert teller.done


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"component": "shceduler"}, "no component shceduler; near it are: scheduler; another client's program: "),
        ({"object": "pdo/x"}, "pdo is no built-in kind; near it are: pod"),
        ({"follow": "foo/x"}, "foo is no built-in kind; a custom resource that is yet to come: write RESOURCE.GROUP"),
        ({"component": "helm*"}, ""),
        ({"component": "kubectl", "object": "pods/x"}, ""),
        ({"object": "widget/x"}, ""),
        ({"object": "gadgets.example.com/x"}, ""),
    ],
)
def test_what_nothing_is_called_is_refused(options: dict[str, Any], said: str) -> None:
    wanted = WireOptions(**options)
    with pytest.raises(UserError, match=re.escape(said)) if said else nullcontext():
        wanted.require_known(["scheduler", "dns"], {"widgets"})


def test_a_recording_takes_no_files_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def fleet(name: str) -> AsyncIterator[None]:
        yield None

    there = tmp_path / "there.jsonl"
    there.write_text("precious")
    monkeypatch.setattr(telling, "open_fleet", fleet)
    with pytest.raises(UserError, match="exists; name another, or remove it"):
        asyncio.run(telling.listen("one", WireOptions(record=str(there))))
    assert there.read_text() == "precious"
