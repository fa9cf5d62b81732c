"""Holds, faults, partitions and frozen processes over several real Debug servers, as the commands set them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from apimachinery.errors import ApiError
from cli.debugging import clock, edge_list, fault_commands, holds, processes
from cli.debugging.attention import attention
from cli.debugging.faults import Fault
from cli.debugging.holding import HeldMessage
from cli.debugging.holds import HoldOptions
from cli.debugging.rulebook import Entry, edit
from cli.debugging.single_step import Do, decide, interactive, step_once
from cli.errors import UserError
from cli.supervisor import ProcessState, read_state
from proto import api_pb2, api_pb2_grpc
from tests.support.debug_fleet import FakeCluster, fake_cluster, write_state
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.gates import Action, Rule, Subject, Verdict
from wire.limits import RULES
from wire.seams import FileClock, make_seams
from wire.server import Service, serve
from wire.tls import TlsFiles

COMPONENTS = ("apiserver", "scheduler", "controller-manager", "kubelet-worker-1")
WEB = Subject("Pod", "default", "web-1")


@pytest.fixture
async def cluster(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCluster]:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    async with fake_cluster(tmp_path, certificates, COMPONENTS) as made:
        yield made


async def until_held(cluster: FakeCluster, many: int) -> None:
    async with asyncio.timeout(10):
        while sum(len(one.gates.held()) for one in cluster.seams.values()) < many:
            await asyncio.sleep(0)


async def send(
    cluster: FakeCluster, component: str, edge: str, subject: Subject, detail: str = ""
) -> asyncio.Task[Verdict]:
    gates = cluster.seams[component].gates
    before = len(gates.held())
    task = asyncio.create_task(gates.pass_through(edge, subject, lambda: detail))
    async with asyncio.timeout(10):
        while not task.done() and len(gates.held()) == before:
            await asyncio.sleep(0)
    return task


async def test_messages_of_several_components_are_held_shown_and_let_go_in_any_order(cluster: FakeCluster) -> None:
    said = await holds.hold(cluster.name, HoldOptions("watch:pods", match="kind=Pod,name=web-*"))
    assert said.startswith("hold-1: messages at watch:pods")
    first = await send(cluster, "scheduler", "watch:pods", WEB, "MODIFIED spec.nodeName: – → worker-1")
    second = await send(cluster, "kubelet-worker-1", "watch:pods", WEB)
    assert (await send(cluster, "scheduler", "watch:pods", Subject("Pod", "default", "db-1"))).done()
    shown = await holds.show_held(cluster.name, "*")
    assert shown.index("scheduler:") < shown.index("kubelet-worker-1:")
    assert "MODIFIED spec.nodeName: – → worker-1" in shown
    (last,) = await holds.held_trees(cluster.name, "kubelet-*")
    assert "passed: kubelet-worker-1" in await holds.let_go(cluster.name, [last["id"]], everything=False)
    assert await second is Verdict.PASS
    assert not first.done()
    (other,) = await holds.held_trees(cluster.name, "*")
    assert "lost: scheduler" in await holds.let_go(cluster.name, [other["id"]], everything=False, drop=True)
    assert await first is Verdict.DROP


async def test_releasing_all_ends_the_holds(cluster: FakeCluster) -> None:
    await holds.hold(cluster.name, HoldOptions("schedule:cycle"))
    tasks = [await send(cluster, "scheduler", "schedule:cycle", WEB) for _ in range(3)]
    assert await holds.let_go(cluster.name, [], everything=True) == "3 messages passed; 1 hold ended"
    assert await asyncio.gather(*tasks) == [Verdict.PASS] * 3
    assert (await send(cluster, "scheduler", "schedule:cycle", WEB)).done()
    assert await fault_commands.show(cluster.name) == "no rules"


async def test_one_hold_is_ended_by_its_id(cluster: FakeCluster) -> None:
    for edge in ("schedule:cycle", "schedule:bind"):
        await holds.hold(cluster.name, HoldOptions(edge))
    cycle = await send(cluster, "scheduler", "schedule:cycle", WEB)
    bind = await send(cluster, "scheduler", "schedule:bind", WEB)
    with pytest.raises(UserError, match="not holds"):
        await holds.let_go(cluster.name, ["hold-1"], everything=False, drop=True)
    assert await holds.let_go(cluster.name, ["hold-1"], everything=False) == "hold-1 ended; 1 message passed"
    assert await cycle is Verdict.PASS
    assert not bind.done()
    assert [one["id"] for one in await fault_commands.rule_trees(cluster.name)] == ["hold-2"]
    await holds.let_go(cluster.name, [], everything=True)
    await bind


async def test_a_hold_that_starves_a_lease_is_refused_until_meant(cluster: FakeCluster) -> None:
    edge = "rpc:*WriteMany"
    with pytest.raises(UserError, match=r"(?s)may starve a lease.*orrery clock pause.*--yes"):
        await holds.hold(cluster.name, HoldOptions(edge))
    assert not cluster.seams["scheduler"].gates.ruled
    assert "careful: the leader" in await holds.hold(cluster.name, HoldOptions(edge, yes=True))
    await holds.let_go(cluster.name, [], everything=True)
    await clock.change(cluster.name, 0.0)
    assert "careful" not in await holds.hold(cluster.name, HoldOptions(edge))


async def test_unknown_names_are_answered_with_the_near_ones(cluster: FakeCluster) -> None:
    cluster.seams["controller-manager"].gates.declare("reconcile:widget-maker")
    with pytest.raises(UserError, match="near it are: reconcile:widget-maker"):
        await holds.hold(cluster.name, HoldOptions("reconcile:widgetmaker"))
    with pytest.raises(UserError, match="near it are: scheduler"):
        await holds.hold(cluster.name, HoldOptions("watch:pods", component="schedular"))
    with pytest.raises(UserError, match="scheduler:3 is not held; nothing is"):
        await holds.let_go(cluster.name, ["scheduler:3"], everything=False)
    with pytest.raises(UserError, match="nothing is held"):
        await holds.step(cluster.name, "*")
    with pytest.raises(UserError, match="near it are: fault-1"):
        await fault_commands.add(cluster.name, Fault("etcd:txn", drop=True, count=1))
        await fault_commands.delete(cluster.name, ["falt-1"])


async def test_faults_are_in_force_listed_and_counted_and_end(cluster: FakeCluster) -> None:
    await clock.change(cluster.name, 0.0)
    said = await fault_commands.add(cluster.name, Fault("etcd:txn", "apiserver", drop=True, duration="5m"))
    assert said.startswith("fault-1: drop at etcd:txn of apiserver; ends in 5m")
    assert not cluster.seams["scheduler"].gates.ruled
    gates = cluster.seams["apiserver"].gates
    assert [await gates.pass_through("etcd:txn") for _ in range(2)] == [Verdict.DROP] * 2
    (listed,) = await fault_commands.rule_trees(cluster.name)
    assert (listed["id"], listed["taken"], listed["component"]) == ("fault-1", 2, "apiserver")
    assert any("fault-1" in line for line in attention(cluster.paths, []))
    await clock.step_by(cluster.name, 301.0)
    assert await gates.pass_through("etcd:txn") is Verdict.PASS
    assert await fault_commands.show(cluster.name) == "no rules"


async def test_a_component_that_starts_later_has_the_rules(cluster: FakeCluster) -> None:
    await fault_commands.add(cluster.name, Fault("watch:pods", "kubelet-*", drop=True, forever=True))
    late = make_seams("kubelet-worker-2", FileClock(cluster.paths.clock))
    assert [rule.id for rule in late.gates.rules()] == ["fault-1"]
    assert make_seams("dns", FileClock(cluster.paths.clock)).gates.rules() == []


async def test_who_was_out_of_reach_finds_a_rule_and_its_end_in_the_file(cluster: FakeCluster) -> None:
    spec = json.loads(cluster.paths.spec.read_text())
    spec["ports"]["scheduler"] = 1
    cluster.paths.spec.write_text(json.dumps(spec))
    said = await fault_commands.add(cluster.name, Fault("schedule:cycle", drop=True, forever=True))
    assert "not reached: scheduler" in said
    gates = cluster.seams["scheduler"].gates
    async with asyncio.timeout(10):
        while not gates.ruled:
            await asyncio.sleep(0.02)
    await fault_commands.clear(cluster.name)
    async with asyncio.timeout(10):
        while gates.ruled:
            await asyncio.sleep(0.02)


async def test_a_file_is_applied_whole_or_not_at_all(cluster: FakeCluster, tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    good = "faults:\n- {edge: 'etcd:txn', delay: 1s, count: 3}\n- {partition: [scheduler, apiserver], duration: 30s}\n"
    file.write_text(good + "- {edge: 'etcd:txnn', drop: true, count: 1}\n")
    with pytest.raises(UserError, match="near it are: etcd:txn"):
        await fault_commands.apply(cluster.name, file)
    assert await fault_commands.show(cluster.name) == "no rules"
    file.write_text(good)
    said = await fault_commands.apply(cluster.name, file)
    assert "fault-1: delay 1 s" in said
    assert "partition-1: scheduler and apiserver" in said
    assert await fault_commands.delete(cluster.name, ["partition-1"]) == "deleted: partition-1"
    assert await fault_commands.clear(cluster.name) == "deleted 1 rule"


async def test_a_rule_too_many_is_refused_and_changes_nothing(cluster: FakeCluster, tmp_path: Path) -> None:
    with edit(cluster.paths.rules) as book:
        many = [Rule("watch:jobs", Action.DROP) for _ in range(RULES - 1)]
        book.entries += [Entry(one, "scheduler") for one in book.numbered(many, "fault")]
    file = tmp_path / "faults.yaml"
    entry = "- {edge: 'etcd:txn', component: scheduler, delay: 1s, count: 3}\n"
    file.write_text(f"faults:\n{entry}{entry}")
    before = cluster.paths.rules.read_text()
    with pytest.raises(UserError, match=f"scheduler would have {RULES + 1} rules, and {RULES} is the most"):
        await fault_commands.apply(cluster.name, file)
    assert cluster.paths.rules.read_text() == before
    said = await fault_commands.add(cluster.name, Fault("etcd:txn", "apiserver", drop=True, forever=True))
    assert said.startswith("fault-2: drop")  # others have room
    await fault_commands.add(cluster.name, Fault("etcd:txn", "scheduler", drop=True, forever=True))
    with pytest.raises(UserError, match="nothing was changed"):
        await holds.hold(cluster.name, HoldOptions("schedule:bind"))


async def test_what_a_component_refuses_is_in_force_nowhere(cluster: FakeCluster) -> None:
    gates = cluster.seams["scheduler"].gates
    for _ in range(RULES):
        gates.add(Rule("watch:jobs", Action.DROP))  # by another way than the cluster's file
    with pytest.raises(UserError, match="gate rules already"):
        await fault_commands.add(cluster.name, Fault("etcd:txn", drop=True, forever=True))
    assert await fault_commands.rule_trees(cluster.name) == []
    assert not cluster.seams["apiserver"].gates.ruled


async def test_faults_that_took_all_they_were_to_take_make_room(cluster: FakeCluster) -> None:
    for component in ("apiserver", "*", "scheduler"):
        await fault_commands.add(cluster.name, Fault("etcd:txn", component, drop=True, count=1))
    await holds.hold(cluster.name, HoldOptions("etcd:watch", component="apiserver", match="name=web-*", count=1))
    waiting = await send(cluster, "apiserver", "etcd:watch", WEB)
    gates = cluster.seams["apiserver"].gates
    assert [await gates.pass_through("etcd:txn") for _ in range(3)] == [Verdict.DROP, Verdict.DROP, Verdict.PASS]
    await fault_commands.add(cluster.name, Fault("schedule:bind", "scheduler", drop=True, count=1))
    listed = [one["id"] for one in await fault_commands.rule_trees(cluster.name)]
    assert listed == ["fault-2", "fault-3", "hold-1", "fault-4"]
    assert [rule.id for rule in gates.rules()] == ["fault-2", "hold-1"]
    assert not waiting.done()
    await holds.let_go(cluster.name, [], everything=True)
    assert await waiting is Verdict.PASS


async def test_what_is_delayed_passes_when_faults_are_cleared(cluster: FakeCluster) -> None:
    await clock.change(cluster.name, 0.0)
    await fault_commands.add(cluster.name, Fault("etcd:txn", delay="5m", forever=True))
    passing = asyncio.create_task(cluster.seams["apiserver"].gates.pass_through("etcd:txn"))
    await asyncio.sleep(0)
    await fault_commands.clear(cluster.name)
    async with asyncio.timeout(10):
        assert await passing is Verdict.PASS


async def test_a_broken_file_of_rules_is_named_and_repaired(cluster: FakeCluster) -> None:
    await fault_commands.add(cluster.name, Fault("schedule:cycle", drop=True, forever=True))
    gates = cluster.seams["scheduler"].gates
    cluster.paths.rules.write_text('{"rules": [')
    for work in (fault_commands.show(cluster.name), holds.let_go(cluster.name, [], everything=True)):
        with pytest.raises(UserError, match=r"rules\.json is broken .*orrery fault clear begins it anew"):
            await work
    with pytest.raises(UserError, match=r"rules\.json is broken"):
        attention(cluster.paths, [])
    assert "was broken and is empty now" in await fault_commands.clear(cluster.name)
    assert await fault_commands.rule_trees(cluster.name) == []
    async with asyncio.timeout(10):
        while gates.ruled:
            await asyncio.sleep(0.02)


ASKS = "import asyncio; from cli.debugging.holds import _ask_or_refuse; asyncio.run(_ask_or_refuse('e', ['a loss']))"


@pytest.mark.parametrize(("answer", "code"), [(b"\x03", -signal.SIGINT), (b"y\n", 0), (b"n\n", 1)])
def test_ctrl_c_ends_the_question_at_the_first_time(answer: bytes, code: int) -> None:
    ours, theirs = os.openpty()
    tell = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {ASKS}"
    with subprocess.Popen(
        [sys.executable, "-c", tell], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as asked:
        try:
            said = b""
            while b"[y/N]" not in said:
                said += os.read(ours, 4096)
            os.write(ours, answer)
            assert asked.wait(20) == code
        finally:
            asked.kill()
            os.close(theirs)
            os.close(ours)


async def test_edges_say_who_talks_to_whom_and_how_long_it_took(cluster: FakeCluster) -> None:
    seams = cluster.seams["controller-manager"]
    await seams.gates.pass_through("reconcile:deployment")
    with seams.tracer.span("reconcile:deployment"):
        await asyncio.sleep(0.002)
    (edge,) = await edge_list.edge_trees(cluster.name, "reconcile:*")
    assert (edge["from"], edge["to"], edge["passed"]) == ("queue of deployment", "controller-manager", 1)
    assert edge["timed"] == 1
    assert edge["max_seconds"] >= edge["mean_seconds"] > 0.001


# --- partitions, on a real connection


class Stream(api_pb2_grpc.ApiServicer):
    """Answers every Get, and every Watch with one empty batch and silence."""

    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        return api_pb2.Object(name=request.name)

    async def Watch(self, request: api_pb2.WatchRequest, context: object) -> AsyncIterator[api_pb2.WatchBatch]:
        yield api_pb2.WatchBatch()
        await asyncio.Event().wait()


async def test_a_partition_cuts_open_streams_and_refuses_new_calls(cluster: FakeCluster, certificates: Path) -> None:
    tls = TlsFiles.in_directory(certificates, "scheduler")
    servicer: Any = Stream()  # type: ignore[abstract]
    api = Service("orrery.api.v1.Api", lambda server: api_pb2_grpc.add_ApiServicer_to_server(servicer, server))
    async with (
        serve("127.0.0.1:0", make_seams("apiserver"), tls, [api]) as port,
        connect(f"127.0.0.1:{port}", cluster.seams["scheduler"], tls, server_name="orrery") as channel,
    ):
        stub = api_pb2_grpc.ApiStub(channel)
        watch = aiter(stub.Watch(api_pb2.WatchRequest()))
        await anext(watch)
        said = await fault_commands.partition(cluster.name, "scheduler", "apiserver", "30s", forever=False)
        assert "scheduler cannot call rpc:/orrery.api.v1.*" in said
        with pytest.raises(grpc.aio.AioRpcError) as cut:
            await anext(watch)
        assert from_rpc_error(cut.value).reason == "ServiceUnavailable"
        with pytest.raises(ApiError, match="fault injected"):
            await stub.Get(api_pb2.GetRequest(name="web"))
        await fault_commands.delete(cluster.name, ["partition-1"])
        assert (await stub.Get(api_pb2.GetRequest(name="web"))).name == "web"


# --- processes


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as made:
        yield made
        made.kill()


async def test_freeze_and_thaw(cluster: FakeCluster, process: subprocess.Popen[bytes]) -> None:
    write_state(cluster.paths, {**dict.fromkeys(COMPONENTS, 0), "scheduler": process.pid})
    assert "is frozen" in processes.freeze(cluster.name, "scheduler", 0.0)
    assert "not reached: scheduler (frozen)" in await clock.change(cluster.name, 0.0)
    assert cluster.seams["scheduler"].clock.state.rate == 1.0
    _, states = read_state(cluster.paths.state)
    assert any(line.startswith("frozen: scheduler") for line in attention(cluster.paths, states))
    assert "goes on" in processes.thaw(cluster.name, "scheduler")
    with pytest.raises(UserError, match="not frozen"):
        processes.thaw(cluster.name, "scheduler")


async def test_a_freeze_ends_in_cluster_time(cluster: FakeCluster, process: subprocess.Popen[bytes]) -> None:
    write_state(cluster.paths, {"scheduler": process.pid})
    processes.freeze(cluster.name, "scheduler", 0.0)
    await clock.change(cluster.name, 0.0)
    later = asyncio.create_task(processes.thaw_later(cluster.name, "scheduler", 30.0, {process.pid}))
    await asyncio.sleep(0.05)
    assert not later.done()
    await clock.change(cluster.name, 600.0)
    async with asyncio.timeout(10):
        assert await later == "thawed: scheduler"


async def test_kill(cluster: FakeCluster, process: subprocess.Popen[bytes]) -> None:
    write_state(cluster.paths, {"scheduler": process.pid, "dns": 0})
    assert "was killed" in processes.kill(cluster.name, "scheduler")
    assert process.wait(10) == -9
    with pytest.raises(UserError, match="does not run now"):
        processes.kill(cluster.name, "dns")
    with pytest.raises(UserError, match="near it are: scheduler"):
        processes.kill(cluster.name, "sheduler")


# --- single-stepping


class Hands:
    """What is held, without a cluster."""

    def __init__(self, names: str) -> None:
        self.left = [HeldMessage("c", n, "e", "Pod", "", name, "hold-1", "", "", 1.0) for n, name in enumerate(names)]
        self.done: list[tuple[str, bool]] = []

    async def held(self) -> list[HeldMessage]:
        return list(self.left)

    async def release(self, one: HeldMessage, *, drop: bool) -> None:
        self.left.remove(one)
        self.done.append((one.name, drop))

    async def end_holds(self) -> int:
        many, self.left = len(self.left), []
        return many


def test_keys() -> None:
    found = Hands("abc").left
    table = [
        (" ", Do.PASS, "a"), ("\n", Do.PASS, "a"), ("x", Do.PASS, "a"), ("d", Do.DROP, "a"), ("2", Do.PASS, "b"),
        ("9", Do.NOTHING, ""), ("a", Do.ALL, ""), ("q", Do.QUIT, ""), ("\x03", Do.QUIT, ""), ("", Do.QUIT, ""),
    ]  # fmt: skip
    for key, do, name in table:
        choice = decide(key, found)
        assert (choice.do, choice.message.name if choice.message else "") == (do, name), repr(key)
    assert decide(" ", []).do is Do.NOTHING


async def test_one_message_per_keypress() -> None:
    hands, keys, said = Hands("abcde"), asyncio.Queue[str](), list[str]()
    for key in "n3dq":
        keys.put_nowait(key)
    await interactive(hands, keys, said.append)
    assert hands.done == [("a", False), ("d", False), ("b", True)]
    assert said[-1] == "left; 2 messages are still held"


async def test_all_pass_at_one_key() -> None:
    hands, keys, said = Hands("abc"), asyncio.Queue[str](), list[str]()
    for key in "aq":
        keys.put_nowait(key)
    await interactive(hands, keys, said.append)
    assert "3 messages passed; no hold is left" in said


async def test_without_a_terminal_one_message_passes() -> None:
    hands = Hands("a")
    assert "a" in (await step_once(hands) or "")
    assert await step_once(hands) is None


def test_a_process_state_without_a_process_is_not_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    from cli.spec import Paths

    assert attention(Paths.of("none"), [ProcessState("dns", 1, "", 0), ProcessState("x", 1, "", os.getpid())]) == []
