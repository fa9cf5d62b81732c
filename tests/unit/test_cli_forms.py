"""A cluster under Compose, as the engine tells of it (a recording), and which cluster a command is about."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cli.breakpoints.ports import PORTS
from cli.breakpoints.watching import under_debug
from cli.debugging.targets import targets_of
from cli.errors import UserError
from cli.forms import finding
from cli.forms.containers import JSON, exit_text, flag, ours, parts, run_command
from cli.forms.layout import addresses, layout
from cli.forms.notes import read_standing, told, write_standing
from cli.source.stand_in import StandIn, read_stand_in
from cli.source.wanted import USUAL, Want
from cli.spec import Paths
from cli.supervisor import ROOT, ProcessState

RECORDED = Path(__file__).parent / "data" / "compose_inspect.json"


@pytest.fixture
def recorded() -> list[JSON]:
    """As docker-compose 1.29 made it; dns was stopped."""
    found: list[JSON] = json.loads(RECORDED.read_text())
    return found


def change(recorded: list[JSON], service: str, **state: Any) -> list[JSON]:
    made = copy.deepcopy(recorded)
    one = next(one for one in made if one["Config"]["Labels"]["com.docker.compose.service"] == service)
    one["State"].update(state)
    return made


def test_components_and_where_they_serve(recorded: list[JSON]) -> None:
    assert [(one.component, one.address) for one in parts(recorded)] == [
        ("etcd", "10.128.0.4:2379"),
        ("apiserver", "10.128.0.2:6444"),
        ("node-worker-1", "10.128.0.11:0"),
        ("node-worker-2", "10.128.0.12:0"),
        ("runtime-worker-1", "10.128.0.11:10260"),
        ("runtime-worker-2", "10.128.0.12:10260"),
        ("controller-manager", "10.128.0.6:10257"),
        ("scheduler", "10.128.0.5:10259"),
        ("kubelet-worker-1", "10.128.0.11:10250"),
        ("kubelet-worker-2", "10.128.0.12:10250"),
        ("kube-proxy-worker-1", "10.128.0.11:10256"),
        ("kube-proxy-worker-2", "10.128.0.12:10256"),
        ("dns", "10.128.0.3:10053"),
    ]


def test_who_serves_debug(recorded: list[JSON]) -> None:
    found = parts(recorded)
    targets = targets_of(addresses(found, layout(recorded)), [one.state for one in found])
    silent = {"etcd", "node-worker-1", "node-worker-2"}
    assert {one.component for one in found} - silent == {one.component for one in targets}
    by_name = {one.component: one.address for one in targets}
    assert by_name["apiserver"] == "10.128.0.2:6444"  # gRPC; people use another
    assert by_name["dns"] == "10.128.0.3:10053"


def test_where_things_are(recorded: list[JSON]) -> None:
    laid = layout(recorded)
    assert (laid.project, laid.published, laid.direct) == ("orrery", "127.0.0.1:6443", "10.128.0.2:6443")
    assert laid.gateway == "10.128.0.1"
    assert laid.state == Path("/var/lib/orrery/compose")
    paths = Paths(laid.state, laid.seams)
    assert paths.clock == Path("/var/lib/orrery/compose/seams/clock.json")
    assert paths.pki == Path("/var/lib/orrery/compose/pki")


def test_names_of_compose_v2(recorded: list[JSON]) -> None:
    """There the containers are called otherwise, and nothing else."""
    second = copy.deepcopy(recorded)
    for one in second:
        one["Name"] = one["Name"].replace("_", "-")
    assert [one.component for one in parts(second)] == [one.component for one in parts(recorded)]
    assert layout(second) == layout(recorded)
    assert "docker logs orrery-scheduler-1" in [one.state.log for one in parts(second)]


def as_run(recorded: list[JSON], service: str, *, terminal: bool = False) -> list[str]:
    one = next(one for one in recorded if one["Config"]["Labels"]["com.docker.compose.service"] == service)
    return run_command(one, f"{service}-here", terminal=terminal)


def test_one_like_it_in_a_terminal(recorded: list[JSON]) -> None:
    dns = as_run(recorded, "dns", terminal=True)
    assert dns[:6] == ["docker", "run", "--rm", "--interactive", "--tty", "--name=dns-here"]
    assert {"--network=orrery-compose", "--ip=10.128.0.3", "--volume=/home/you/orrery:/orrery:ro"} <= set(dns)
    image = dns.index("orrery/base:latest")
    assert dns[image - 1] == "--entrypoint=python3"
    assert dns[image + 1 : image + 5] == ["-SE", "deploy/compose/component.py", "/seams", "dns"]
    kubelet = as_run(recorded, "kubelet-1")
    assert {"--network=none", "--pid=host", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"} <= set(kubelet)
    assert "--env=ORRERY_NODE=compose/worker-1" in kubelet
    assert "--tty" not in kubelet and not any(word.startswith("--ip=") for word in kubelet)
    assert "--publish=127.0.0.1:6443:6443" in as_run(recorded, "apiserver")


def test_an_apiserver_that_is_not_published(recorded: list[JSON]) -> None:
    for one in recorded:
        one["HostConfig"]["PortBindings"] = {}
    assert layout(recorded).published == "10.128.0.2:6443"


@pytest.mark.parametrize("service", ["apiserver", "etcd"])
def test_without_the_heart_of_it(recorded: list[JSON], service: str) -> None:
    left = [one for one in recorded if one["Config"]["Labels"]["com.docker.compose.service"] != service]
    with pytest.raises(UserError, match="docker-compose up -d"):
        layout(left)


def test_one_of_an_older_file(recorded: list[JSON]) -> None:
    for one in recorded:
        one["Mounts"] = [mount for mount in one["Mounts"] if mount["Destination"] != "/seams"]
    with pytest.raises(UserError, match="is of an older"):
        layout(recorded)


@pytest.mark.parametrize(
    ("state", "pid", "last_exit", "note"),
    [
        ({}, 1234, "", ""),
        ({"Status": "exited", "Running": False, "Pid": 0, "ExitCode": 137}, 0, "signal SIGKILL",
         "stopped (orrery start scheduler)"),
        ({"Status": "restarting", "Pid": 0, "ExitCode": 1}, 0, "exit code 1", ""),
        ({"Status": "paused", "Paused": True}, 1234, "", "paused by Docker (docker unpause orrery_scheduler_1)"),
    ],
)  # fmt: skip
def test_how_one_does(recorded: list[JSON], state: JSON, pid: int, last_exit: str, note: str) -> None:
    made = change(recorded, "scheduler", **{"Pid": 1234, **state})
    found = next(one.state for one in parts(made) if one.component == "scheduler")
    assert (found.pid, found.last_exit, found.note) == (pid, last_exit, note)


def test_exit_codes_in_words() -> None:
    assert [exit_text(code) for code in (0, 1, 137, 143)] == [
        "exit code 0", "exit code 1", "signal SIGKILL", "signal SIGTERM",
    ]  # fmt: skip


def test_a_command_behind_its_scripts() -> None:
    argv = ["sh", "in-node.sh", "/dir", "python3", "-SE", "component.py", "/seams", "dns", "python3", "-m", "dns", "-v"]
    assert ours(argv) == ("python3", "-m", "dns", "-v")
    assert ours(["etcd", "--data-dir=/data"]) == ("etcd", "--data-dir=/data")
    assert flag(["a", "--x", "1", "--y=2"], "--x") == "1"
    assert flag(["a", "--x", "1", "--y=2"], "--y") == "2"
    assert flag(["a", "--x", "1"], "--z") == ""


STATE = ProcessState("dns", 1, "", pid=5)
DOWN = ProcessState("dns", 1, "", note="stopped (orrery start dns)")
DEBUGGED = Want(debug_port=5677, debug_host="10.128.0.3")
SWAPPED = Want(argv=("mine",))
INIT = 1  # a process that always lives
HERE = Want(terminal=INIT)
UNDER_DEBUG = "under debug at 10.128.0.3:5677 (orrery debug dns --off)"


@pytest.mark.parametrize(
    ("state", "want", "instead", "stands", "pid", "said"),
    [
        (STATE, USUAL, None, False, 5, ""),
        (STATE, DEBUGGED, None, False, 5, UNDER_DEBUG),
        (STATE, DEBUGGED, None, True, 5, f"stands still, and the cluster's clock with it; {UNDER_DEBUG}"),
        (DOWN, DEBUGGED, None, False, 0, "stopped (orrery start dns)"),
        (DOWN, HERE, None, False, 0, f"runs in a terminal (PID {INIT}) under debug"),
        (DOWN, Want(terminal=1 << 30), None, False, 0, "stopped (orrery start dns)"),
        (DOWN, SWAPPED, StandIn(7, 8), False, 8, "replaced by mine (orrery swap dns --back)"),
        (DOWN, SWAPPED, StandIn(7, 0), False, 0, "replaced by mine (orrery swap dns --back)"),
        (DOWN, SWAPPED, None, False, 0, "replaced by mine (orrery swap dns --back)"),
    ],
)
def test_what_is_said_of_it(
    state: ProcessState, want: Want, instead: StandIn | None, stands: bool, pid: int, said: str
) -> None:
    found = told(state, want, instead, "/log", stands=stands)
    assert (found.note, found.pid) == (said, pid)
    assert found.log == ("/log" if instead else "")


def test_who_stands_in_is_known_as_long_as_someone_minds_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert read_stand_in(paths, "dns") is None
    for minder, known in ((os.getpid(), True), (1 << 30, False)):
        (tmp_path / "stand-in-dns.json").write_text(json.dumps(asdict(StandIn(minder, 8))))
        assert (read_stand_in(paths, "dns") is not None) is known


def test_who_stands_is_told_as_long_as_someone_watches(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert read_standing(paths) == frozenset()
    write_standing(paths, frozenset({"dns"}))
    assert read_standing(paths) == {"dns"}
    (tmp_path / "standing.json").write_text(json.dumps({"watcher": 1 << 30, "standing": ["dns"]}))
    assert read_standing(paths) == frozenset()


def test_what_is_watched_over() -> None:
    wanted = {"dns": DEBUGGED, "scheduler": SWAPPED, "gone": DEBUGGED}
    processes = [STATE, ProcessState("scheduler", 2, "", pid=0), ProcessState("etcd", 3, "", pid=9)]
    assert under_debug(wanted, processes) == {"dns": 5}
    assert under_debug({"scheduler": HERE}, processes) == {"scheduler": INIT}


@pytest.mark.parametrize(
    ("command", "wanted", "on_host", "under_compose", "name"),
    [
        ("status", "mine", "", True, "mine"),
        ("status", "compose", "orrery", True, "compose"),
        ("status", None, "", True, "compose"),
        ("status", None, "orrery", True, "orrery"),
        ("status", None, "", False, "orrery"),
        ("status", None, "u5", False, "u5"),
        ("thaw", None, "u5", False, "u5"),
        ("status", None, "u5", True, "orrery"),
        ("status", None, "u5 u6", False, "orrery"),
        ("status", None, "orrery u5", False, "orrery"),
        ("kubeconfig", None, "u5", False, "orrery"),
        ("kubeconfig", None, "", True, "compose"),
        ("supervise", None, "u5", False, "orrery"),
        ("up", None, "u5", False, "orrery"),
        ("down", None, "u5", False, "orrery"),
        ("up", None, "", True, "orrery"),
        ("down", None, "", True, "orrery"),
    ],
)
def test_which_cluster_is_meant(
    command: str, wanted: str | None, on_host: str, under_compose: bool, name: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    _runs(tmp_path, *on_host.split())
    monkeypatch.setattr(finding, "_under_compose", lambda: under_compose)
    assert finding.meant(command, wanted) == name
    told = f"(cluster {name}, the only one that runs)\n" if wanted is None and name != "orrery" else ""
    assert capsys.readouterr().err == told


def _runs(home: Path, *names: str) -> None:
    """These do, another has ended; and `up` keeps a lock beside them."""
    (home / "clusters").mkdir()
    (home / "clusters" / ".choosing").touch()
    for name, pid in ({"gone": 1 << 30} | dict.fromkeys(names, os.getpid())).items():
        (home / "clusters" / name).mkdir()
        (home / "clusters" / name / "state.json").write_text(json.dumps({"supervisor": pid, "processes": []}))


@pytest.mark.parametrize(("command", "said"), [("up", "docker-compose up"), ("down", "docker-compose down")])
def test_what_compose_itself_does(command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path))
    with pytest.raises(UserError, match=said):
        finding.meant(command, "compose")


def test_editors_find_every_component(recorded: list[JSON]) -> None:
    """`.vscode/launch.json` names an address for each kind; of a node's, the first node's."""
    launch = json.loads((ROOT / ".vscode" / "launch.json").read_text())["configurations"]
    named = {one["name"]: (one["connect"]["host"], one["connect"]["port"]) for one in launch}
    there = {one.kind: one.host for one in reversed(parts(recorded))}
    for kind, port in PORTS.items():
        assert named[f"Attach to {kind}"] == ("127.0.0.1", port)
        assert named[f"Attach to {kind} under Compose"] == (there[kind], port)
