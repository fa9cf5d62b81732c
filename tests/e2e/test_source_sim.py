"""Components stopped, replaced, restarted on a change and under a debugger, on a cluster of simulated nodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.dap import Debugger
from tests.support.kubectl import Kubectl, find_kubectls
from tests.support.need import need
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.kubectl]

RUN = ("--image=orrery/busybox:1", "--", "httpd", "-f", "-p", "80")
EXAMPLE = ROOT / "labs" / "examples" / "first_fit_scheduler.py"


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(bool(find_kubectls()), "no kubectl of 1.31 to 1.33 found")
    made = Cluster("source-sim", tmp_path_factory.mktemp("orrery"))
    try:
        made.orrery("up", "--runtime", "sim", "--nodes", "2")
        yield made
    finally:
        made.orrery("down", check=False)


@pytest.fixture
def kubectl(sim: Cluster) -> Iterator[Kubectl]:
    """Every component is as usual again afterwards."""
    kubectl = Kubectl(next(iter(find_kubectls().values())), sim.kubeconfig, sim.context)
    yield kubectl
    for component in ("scheduler", "kubelet-worker-1"):
        for again in (("thaw", component), ("start", component), ("swap", component, "--back"),
                      ("debug", component, "--off")):  # fmt: skip
            sim.orrery(*again, check=False)
    kubectl("delete", "deployments", "--all")


def node_of(kubectl: Kubectl, app: str) -> list[str]:
    pods = kubectl.json("get", "pods", "-l", f"app={app}")["items"]
    return [one["spec"].get("nodeName", "") for one in pods]


def leaders(kubectl: Kubectl) -> dict[str, tuple[str, int]]:
    leases = kubectl.json("get", "leases", "-n", "kube-system")["items"]
    return {one["metadata"]["name"]: (one["spec"]["holderIdentity"], one["spec"]["leaseTransitions"]) for one in leases}


def ready_since(kubectl: Kubectl) -> list[tuple[str, str]]:
    conditions = [one["status"]["conditions"] for one in kubectl.json("get", "nodes")["items"]]
    ready = [next(one for one in each if one["type"] == "Ready") for each in conditions]
    return [(one["status"], one["lastTransitionTime"]) for one in ready]


def line(sim: Cluster) -> dict[str, Any]:
    file = sim.root / "clock.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"rate": 1.0}


def paused(sim: Cluster) -> None:
    eventually("the clock stands", lambda: line(sim)["rate"] == 0, every=0.005)


def test_a_stopped_component_stays_down_until_it_is_started(sim: Cluster, kubectl: Kubectl) -> None:
    assert "stays so until: orrery start scheduler" in sim.orrery("stop", "scheduler").stdout
    assert sim.pid("scheduler") == 0
    assert "scheduler: stopped (orrery start scheduler)" in sim.orrery("status").stdout
    kubectl("create", "deployment", "waits", *RUN)
    eventually("a pod", lambda: node_of(kubectl, "waits"))
    assert sim.pid("scheduler") == 0
    assert node_of(kubectl, "waits") == [""]
    assert "stopped already" in sim.orrery("stop", "scheduler", check=False).stderr
    assert "runs again" in sim.orrery("start", "scheduler").stdout
    kubectl("rollout", "status", "deployment/waits", "--timeout=60s")
    assert "not stopped" in sim.orrery("start", "scheduler", check=False).stderr
    assert "scheduler: " not in sim.orrery("status").stdout


def test_a_students_scheduler_takes_over_and_gives_back(sim: Cluster, kubectl: Kubectl) -> None:
    command = [sys.executable, "-m", "cli", "swap", "--name", sim.name, "scheduler", "--", sys.executable, str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=sim.environment, check=True)
    assert "ORRERY_APISERVER_REST=https://127.0.0.1:" in done.stdout
    kubectl("create", "deployment", "theirs", "--replicas=3", *RUN)
    kubectl("rollout", "status", "deployment/theirs", "--timeout=60s")
    assert node_of(kubectl, "theirs") == ["worker-1"] * 3
    assert sim.log("scheduler").count("default/theirs-") == 3
    before = sim.pid("scheduler")
    os.kill(before, signal.SIGKILL)
    eventually("it is restarted as ours would be", lambda: sim.pid("scheduler") not in (0, before))
    assert "replaced by" in sim.orrery("status").stdout
    sim.orrery("swap", "scheduler", "--back")
    kubectl("create", "deployment", "ours", "--replicas=2", *RUN)
    kubectl("rollout", "status", "deployment/ours", "--timeout=60s")
    assert sim.log("scheduler").count("default/ours-") == 0


def test_a_change_of_source_restarts_that_component_alone(sim: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    source = tmp_path / "thing.py"
    source.write_text("x = 1\n")
    before = {name: one["pid"] for name, one in sim.processes().items()}
    dev = subprocess.Popen(
        [sys.executable, "-u", "-m", "cli", "dev", "scheduler", "--name", sim.name, "--watch", str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=sim.environment,
    )  # fmt: skip
    assert dev.stdout is not None
    try:
        assert "watching" in dev.stdout.readline()
        source.write_text("x = (\n")
        assert "not restarted" in dev.stdout.readline()
        source.write_text("x = 23\n")
        assert "thing.py changed; scheduler serves again after" in dev.stdout.readline()
    finally:
        dev.send_signal(signal.SIGINT)
        assert dev.wait(10) == 130
        dev.stdout.close()
    after = {name: one["pid"] for name, one in sim.processes().items()}
    assert {name for name in after if after[name] != before[name]} == {"scheduler"}


def test_the_clock_waits_for_a_component_that_stands_still(sim: Cluster, kubectl: Kubectl) -> None:
    sim.orrery("debug", "kubelet-worker-1", "--port", "15674")
    eventually("a lease", lambda: leaders(kubectl).get("kube-scheduler", ("",))[0])
    before, since, pid = leaders(kubectl), ready_since(kubectl), sim.pid("kubelet-worker-1")
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        paused(sim)
        eventually("it is told", lambda: "stands still" in sim.processes()["kubelet-worker-1"]["note"])
        stood = line(sim)
        assert "paused" in sim.orrery("clock").stdout
        assert line(sim) == stood
        os.kill(pid, signal.SIGCONT)
        eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
        assert line(sim)["cluster_time"] == stood["cluster_time"]
    assert "does not agree" not in sim.orrery("clock").stdout
    assert (leaders(kubectl), ready_since(kubectl), sim.pid("kubelet-worker-1")) == (before, since, pid)
    assert "runs as usual" in sim.orrery("debug", "kubelet-worker-1", "--off").stdout


def test_a_pause_of_the_user_outlives_a_debugger(sim: Cluster, kubectl: Kubectl) -> None:
    sim.orrery("debug", "kubelet-worker-1", "--port", "15674")
    pid = sim.pid("kubelet-worker-1")
    sim.orrery("clock", "pause")
    try:
        os.kill(pid, signal.SIGSTOP)
        eventually("it is told", lambda: "stands still" in sim.processes()["kubelet-worker-1"]["note"])
        os.kill(pid, signal.SIGCONT)
        eventually("it is told", lambda: "stands still" not in sim.processes()["kubelet-worker-1"]["note"])
        assert line(sim)["rate"] == 0
    finally:
        os.kill(pid, signal.SIGCONT)
        sim.orrery("clock", "resume")


def cycle() -> tuple[Path, int]:
    """Where the scheduler begins with a pod."""
    file = ROOT / "scheduler" / "cycle.py"
    return file, next(n for n, text in enumerate(file.read_text().splitlines(), 1) if '"schedule:cycle"' in text)


def test_a_breakpoint_stops_the_clock_and_loses_nothing(sim: Cluster, kubectl: Kubectl) -> None:
    pytest.importorskip("debugpy")
    file, number = cycle()
    assert "127.0.0.1:15672" in sim.orrery("debug", "scheduler", "--port", "15672").stdout
    pid = sim.pid("scheduler")
    eventually("it leads", lambda: "leads" in sim.log("scheduler").split("serving")[-1])
    before, since = leaders(kubectl), ready_since(kubectl)
    with Debugger(15672) as debugger:
        debugger.break_at(file, number)
        kubectl("create", "deployment", "looked-at", *RUN)
        thread = debugger.stopped()
        paused(sim)
        assert "paused" in sim.orrery("clock").stdout
        assert node_of(kubectl, "looked-at") == [""]
        debugger.clear(file)
        debugger.go_on(thread)
        kubectl("rollout", "status", "deployment/looked-at", "--timeout=60s")
    eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
    assert (leaders(kubectl), ready_since(kubectl), sim.pid("scheduler")) == (before, since, pid)


def test_breakpoint_in_a_terminal(sim: Cluster, kubectl: Kubectl) -> None:
    """The component runs in the foreground of the command, and is the supervisor's again when that ends."""
    in_terminal = [sys.executable, "-u", "-m", "cli", "debug", "scheduler", "--terminal", "--name", sim.name]
    shown = subprocess.Popen(
        in_terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=sim.environment,
        start_new_session=True,
    )  # fmt: skip
    assert shown.stdout is not None
    assert "runs here" in shown.stdout.readline()
    while "leads" not in shown.stdout.readline():
        assert shown.poll() is None
    assert sim.pid("scheduler") == 0
    assert "runs in a terminal" in sim.orrery("status").stdout
    for command in (["debug", "scheduler", "--off"], ["stop", "scheduler"], ["swap", "scheduler", "--", "true"],
                    ["debug", "scheduler"], ["debug", "scheduler", "--terminal"]):  # fmt: skip
        argv = [sys.executable, "-m", "cli", *command[:2], "--name", sim.name, *command[2:]]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=sim.environment, check=False)
        said = f"orrery: scheduler runs in the terminal of PID {shown.pid}; end it there with Ctrl-C\n"
        assert (done.returncode, done.stderr) == (1, said), command
    assert sim.pid("scheduler") == 0
    kubectl("create", "deployment", "here", *RUN)
    kubectl("rollout", "status", "deployment/here", "--timeout=60s")
    os.killpg(shown.pid, signal.SIGINT)  # what Ctrl-C does
    rest, _ = shown.communicate(timeout=60)
    assert "runs as usual again" in rest
    assert shown.returncode == 0
    assert sim.pid("scheduler")


EDITED = '''
"""As if somebody had written breakpoint() into scheduler/cycle.py."""
import importlib.machinery, sys
class Edited(importlib.machinery.SourceFileLoader):
    def path_stats(self, path):
        raise OSError("no cached bytecode")
    def get_data(self, path):
        line = b\'refused = await self._gate("schedule:cycle", pod)\'
        source = super().get_data(path)
        assert source.count(line) == 1
        return source.replace(line, b"breakpoint()\\n" + b" " * 16 + line)
class Finder:
    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name == "scheduler.cycle" else None
        if spec is not None:
            spec.loader = Edited(name, spec.origin)
        return spec
sys.meta_path.insert(0, Finder())
'''


@pytest.fixture
def edited(sim: Cluster, tmp_path: Path) -> dict[str, str]:
    """The environment of a terminal in which the scheduler's source has a `breakpoint()`."""
    (tmp_path / "sitecustomize.py").write_text(EDITED)
    return {**sim.environment, "PYTHONPATH": str(tmp_path)}


def test_pdb_in_a_terminal_stops_the_clock(sim: Cluster, kubectl: Kubectl, edited: dict[str, str]) -> None:
    before = ready_since(kubectl)
    command = [sys.executable, "-u", "-m", "cli", "debug", "scheduler", "--terminal", "--name", sim.name]
    with Terminal(command, ROOT, edited) as terminal:
        terminal.expect("leads")
        kubectl("create", "deployment", "in-pdb", *RUN)
        terminal.expect("(Pdb) ")
        paused(sim)
        eventually("it is told", lambda: "stands still" in sim.processes()["scheduler"]["note"])
        terminal.type("pod.key")
        assert "default/in-pdb-" in terminal.expect("(Pdb) ")
        terminal.type("import os; os.environ['PYTHONBREAKPOINT'] = '0'")
        terminal.expect("(Pdb) ")
        terminal.type("c")
        eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
        kubectl("rollout", "status", "deployment/in-pdb", "--timeout=60s")
        terminal.interrupt()
        terminal.expect("runs as usual again")
    assert ready_since(kubectl) == before


def test_a_terminal_that_is_closed_gives_the_component_back(
    sim: Cluster, kubectl: Kubectl, edited: dict[str, str]
) -> None:
    """Even out of the debugger's prompt: nobody has to tidy up after somebody who has gone home."""
    command = [sys.executable, "-u", "-m", "cli", "debug", "scheduler", "--terminal", "--name", sim.name]
    with Terminal(command, ROOT, edited) as terminal:
        terminal.expect("leads")
        kubectl("create", "deployment", "forgotten", *RUN)
        terminal.expect("(Pdb) ")
        paused(sim)
    eventually("the supervisor runs it", lambda: sim.pid("scheduler"))
    eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
    kubectl("rollout", "status", "deployment/forgotten", "--timeout=60s")
    assert "scheduler: " not in sim.orrery("status").stdout


def test_a_component_waits_for_its_debugger_and_is_taken_back_from_a_breakpoint(sim: Cluster, kubectl: Kubectl) -> None:
    pytest.importorskip("debugpy")
    before = ready_since(kubectl)
    said = sim.orrery("debug", "scheduler", "--wait", "--port", "15673").stdout
    assert "does nothing before one has attached" in said
    paused(sim)
    kubectl("create", "deployment", "patient", *RUN)
    with Debugger(15673) as debugger:
        debugger.go()
        eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
        kubectl("rollout", "status", "deployment/patient", "--timeout=60s")
        file, number = cycle()
        debugger.break_at(file, number)
        kubectl("create", "deployment", "left-there", *RUN)
        debugger.stopped()
        paused(sim)
        assert "runs as usual" in sim.orrery("debug", "scheduler", "--off").stdout
    eventually("the clock goes on", lambda: line(sim)["rate"] == 1)
    kubectl("rollout", "status", "deployment/left-there", "--timeout=60s")
    assert ready_since(kubectl) == before


def test_wrong_use_gets_help(sim: Cluster, kubectl: Kubectl) -> None:
    table = [
        (("stop", "kubelet"), "near it are: kubelet-worker-"),
        (("swap", "scheduler"), "swap what for what?"),
        (("swap", "scheduler", "--back"), "scheduler is ours"),
        (("debug", "etcd"), "no Python program"),
        (("debug", "scheduler", "--off"), "not under debug"),
        (("dev", "etcd"), "--watch DIR"),
        (("dev", "scheduler", "--watch", "/no/such"), "no such file"),
    ]
    for command, said in table:
        done = sim.orrery(*command, check=False)
        assert done.returncode == 1, command
        assert said in done.stderr, done.stderr
