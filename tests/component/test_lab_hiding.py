"""What a lab hides, over real Debug servers: it does its work, nobody tells of it, and it can always be ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.debugging import edge_list, fault_commands, holds
from cli.debugging.attention import attention
from cli.debugging.hidden import NO_ANSWER, read_hidden
from cli.debugging.targets import is_frozen
from cli.errors import UserError
from cli.lab.broken import hiding
from cli.lab.broken.table import FAULTS, Broken, drawn
from cli.supervisor import ProcessState
from tests.support.debug_fleet import FakeCluster, fake_cluster, write_state
from wire.gates import GateError, Subject

LAB = "14-broken-component"
NAMESPACE = f"lab-{LAB}"
COMPONENTS = ("apiserver", "scheduler", "controller-manager", "kubelet-worker-1")
KEY = Subject("", NAMESPACE, "orders-1")


@pytest.fixture
async def cluster(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCluster]:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    async with fake_cluster(tmp_path, certificates, COMPONENTS) as made:
        write_state(made.paths, dict.fromkeys(COMPONENTS, os.getpid()))
        yield made


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that may be frozen."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process.pid
    process.kill()
    process.wait()


def broken(component: str, edge: str) -> Broken:
    return next(
        one
        for one in (drawn(seed, ["worker-1"]) for seed in range(len(FAULTS)))
        if (one.component, one.fault.edge) == (component, edge)
    )


def processes(cluster: FakeCluster, pids: dict[str, int]) -> list[ProcessState]:
    return [ProcessState(name, 1, "", pid=pids.get(name, 0)) for name in cluster.seams]


async def hide(cluster: FakeCluster, component: str, edge: str) -> None:
    await asyncio.to_thread(hiding.hide, cluster.name, LAB, broken(component, edge), NAMESPACE)


async def still(cluster: FakeCluster) -> list[str]:
    return await asyncio.to_thread(hiding.in_force, cluster.name)


async def end(cluster: FakeCluster) -> str:
    return await asyncio.to_thread(hiding.end, cluster.name, LAB)


async def test_a_hidden_hold_holds_and_is_counted_but_not_told_of(cluster: FakeCluster) -> None:
    await hide(cluster, "controller-manager", "reconcile:replicaset")
    gates = cluster.seams["controller-manager"].gates
    message = asyncio.create_task(gates.pass_through("reconcile:replicaset", KEY))
    await asyncio.sleep(0)
    for said in (await fault_commands.show(cluster.name), await holds.show_held(cluster.name)):
        assert "1 thing is hidden by lab 14" in said
        assert "hidden-" not in said
        assert "replicaset" not in said
    assert await fault_commands.rule_trees(cluster.name) == []
    assert "reconcile:replicaset" in await edge_list.edges(cluster.name)  # what is counted is there to be seen
    assert [one["held"] for one in await edge_list.edge_trees(cluster.name, "reconcile:replicaset")] == [1]
    await holds.let_go(cluster.name, (), everything=True)
    await fault_commands.clear(cluster.name)
    assert await still(cluster) == ["controller-manager"]  # who clears what he sees does not clear this
    assert not message.done()
    assert await end(cluster) == ""
    await message
    assert read_hidden(cluster.paths) is None
    assert await still(cluster) == []


async def test_other_namespaces_pass_and_a_failure_does_not_say_that_it_was_injected(cluster: FakeCluster) -> None:
    await hide(cluster, "kubelet-worker-1", "rpc:/orrery.api.v1.Api/WriteMany")
    gates = cluster.seams["kubelet-worker-1"].gates
    await gates.pass_through("rpc:/orrery.api.v1.Api/WriteMany", Subject("pods", "default", "web"))
    await gates.pass_through("rpc:/orrery.api.v1.Api/WriteMany", Subject("leases", NAMESPACE, "web"))
    with pytest.raises(GateError) as refused:
        await gates.pass_through("rpc:/orrery.api.v1.Api/WriteMany", Subject("pods", NAMESPACE, "web"))
    assert str(refused.value) == "rpc:/orrery.api.v1.Api/WriteMany: UNAVAILABLE"
    assert await end(cluster) == ""


async def test_a_frozen_process_gives_no_answer_and_status_does_not_name_it(cluster: FakeCluster, sleeper: int) -> None:
    write_state(cluster.paths, {**dict.fromkeys(COMPONENTS, os.getpid()), "scheduler": sleeper})
    await hide(cluster, "scheduler", "process")
    assert is_frozen(sleeper)
    (line,) = attention(cluster.paths, processes(cluster, {"scheduler": sleeper}))
    assert "scheduler" not in line
    assert f"scheduler ({NO_ANSWER})" in await edge_list.edges(cluster.name)
    assert await still(cluster) == ["scheduler"]
    os.kill(sleeper, signal.SIGCONT)  # as orrery thaw does
    async with asyncio.timeout(10):
        while await still(cluster):
            await asyncio.sleep(0)
    assert read_hidden(cluster.paths) is not None  # status goes on saying that there was something
    assert await end(cluster) == ""


async def test_a_component_that_began_anew_is_rid_of_it(cluster: FakeCluster) -> None:
    await hide(cluster, "controller-manager", "reconcile:replicaset")
    for rule in cluster.seams["controller-manager"].gates.rules():
        cluster.seams["controller-manager"].gates.delete(rule.id)  # as a new process has none
    assert await still(cluster) == []
    assert await end(cluster) == ""


async def test_what_one_lab_hid_another_does_not_end(cluster: FakeCluster) -> None:
    await hide(cluster, "controller-manager", "reconcile:replicaset")
    assert await asyncio.to_thread(hiding.end, cluster.name, "15-other") == ""
    assert await still(cluster) == ["controller-manager"]
    assert await end(cluster) == ""


async def test_a_component_that_is_not_there_breaks_nothing_and_leaves_nothing(cluster: FakeCluster) -> None:
    with pytest.raises(UserError, match="kube-proxy"):
        await hide(cluster, "kube-proxy-worker-1", "nft:apply")
    assert read_hidden(cluster.paths) is None
