"""What is wanted of components, which source they run, and who stands still: the parts that decide."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.breakpoints import acts
from cli.breakpoints.ports import PORTS
from cli.breakpoints.watchdog import Judge
from cli.debugging import processes
from cli.errors import UserError
from cli.forms import finding
from cli.forms.host import HostCluster, HostManaged
from cli.source import telling
from cli.source.changes import changed, mistakes, stamps, watched
from cli.source.telling import change_free, listening_ports, wait_swapped
from cli.source.wanted import USUAL, Want, command, edit, is_python, read_wanted
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState

OURS = (sys.executable, "-m", "scheduler", "--apiserver", "a:1")


def test_what_is_wanted_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "wanted.json"
    assert read_wanted(file) == {}
    theirs = Want(argv=("/bin/mine", "-x"), cwd="/home", env={"A": "b"})
    with edit(file) as wanted:
        wanted |= {"scheduler": theirs, "dns": Want(down=True), "apiserver": USUAL}
    assert read_wanted(file) == {"scheduler": theirs, "dns": Want(down=True)}
    file.write_text('{"components": {"dns": {"argv": [], "unknown": 1}}}')
    with pytest.raises(UserError, match="is broken"):
        read_wanted(file)


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        (USUAL, OURS),
        (Want(argv=("mine",)), ("mine",)),
        (
            Want(debug_port=5),
            (OURS[0], "-Xfrozen_modules=off", "-m", "debugpy", "--listen", "127.0.0.1:5",
             "--configure-subProcess", "false", *OURS[1:]),
        ),
    ],
)  # fmt: skip
def test_what_is_started(want: Want, expected: tuple[str, ...]) -> None:
    assert command(OURS, want) == expected


def test_waiting_for_a_debugger() -> None:
    assert "--wait-for-client" in command(OURS, Want(debug_port=5, wait=True))
    assert is_python(OURS)
    assert not is_python(("/usr/bin/etcd", "--name", "default"))


@pytest.mark.parametrize(
    ("want", "absent", "debugged", "said"),
    [
        (USUAL, False, False, ""),
        (Want(down=True), True, False, "stopped (orrery start dns)"),
        (Want(down=True, debug_port=5), True, False, "stopped (orrery start dns)"),
        (Want(terminal=7), True, True, "runs in a terminal (PID 7) under debug"),
        (Want(debug_port=5), False, True, "under debug at 127.0.0.1:5 (orrery debug dns --off)"),
        (Want(argv=("a", "{}")), False, False, "replaced by a '{}' (orrery swap dns --back)"),
    ],
)
def test_what_is_said_of_it(want: Want, absent: bool, debugged: bool, said: str) -> None:
    assert (want.absent, want.under_debug, want.note.format("dns")) == (absent, debugged, said)


def test_what_is_watched(tmp_path: Path) -> None:
    for name in ("scheduler", "api"):
        (tmp_path / name).mkdir()
    script = tmp_path / "mine.py"
    script.write_text("")
    assert watched(OURS, tmp_path)[0] == tmp_path / "scheduler"
    assert tmp_path / "wire" in watched(OURS, tmp_path)
    assert watched(("python", str(script), "--flag", "no.py"), tmp_path) == [script]
    assert watched(("/usr/bin/etcd", "--name"), tmp_path) == []


def test_what_has_changed(tmp_path: Path) -> None:
    kept, other, gone, new = (tmp_path / f"{name}.py" for name in ("kept", "other", "gone", "new"))
    for path in (kept, other, gone):
        path.write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("")
    before = stamps([tmp_path])
    assert set(before) == {kept, other, gone}
    gone.unlink()
    new.write_text("def (\n")
    after = {**stamps([tmp_path]), other: 1}
    assert changed(before, after) == sorted([other, gone, new])
    assert mistakes([other, gone, new]) == [f"{new}:1: invalid syntax"]


A, B = 1, 2  # processes


@pytest.mark.parametrize(
    ("heard", "stands"),
    [
        ([(A, True, "")], False),
        ([(A, True, "refused")], True),  # it is still being started, or waits for its debugger
        ([(A, True, "refused"), (A, True, "")], False),
        ([(A, True, "late")], True),  # it listens
        ([(A, True, ""), (A, True, "late")], True),
        ([(A, True, ""), (A, True, "refused")], False),  # it ends
        ([(A, True, ""), (A, True, "late"), (A, True, "refused")], True),  # connections lost
        ([(A, True, ""), (A, True, "late"), (A, True, "")], False),
        ([(A, True, ""), (A, True, "late"), (A, False, "refused")], False),  # dead
        ([(A, True, ""), (A, True, "late"), (B, True, "")], False),  # another
        ([(0, False, "refused")], False),
    ],
)
def test_who_stands_still(heard: list[tuple[int, bool, str]], stands: bool) -> None:
    judge = Judge()
    for pid, alive, answer in heard:
        judge.hear("dns", pid, alive, answer)
    assert ("dns" in judge.standing) is stands


def test_who_listens() -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        one.listen()
        found = listening_ports(os.getpid())
        assert one.getsockname()[1] in found and other.getsockname()[1] not in found
    assert listening_ports(1 << 30) == set()


class Dns(HostManaged):
    """Its supervisor are we, who run nothing; in a terminal it ends at once, and is `meanwhile` wanted otherwise."""

    meanwhile: Want | None = None

    @property
    def state(self) -> ProcessState:
        return ProcessState(self.name, 0, "")

    def foreground_argv(self, *, terminal: bool) -> Sequence[str]:
        if self.meanwhile is not None:
            self.set(self.meanwhile)
        return ("true",)

    def set(self, want: Want) -> None:
        with edit(self.paths.wanted) as wanted:
            wanted[self.name] = want


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[Dns]:
    spec = ClusterSpec("x", 0, "sim", "for a test", 1, {})
    cluster = HostCluster("x", "orrery-x", "sim", Paths(tmp_path), (), {}, spec, os.getpid())
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield Dns(cluster, "dns", "127.0.0.1:0", cluster)
    signal.signal(signal.SIGHUP, before)


def test_what_runs_in_a_terminal_is_left_to_it(dns: Dns) -> None:
    dns.set(Want(terminal=os.getpid()))
    with pytest.raises(UserError, match=f"dns runs in the terminal of PID {os.getpid()}; end it there with Ctrl-C"):
        change_free(dns, lambda _: USUAL)
    assert dns.want.terminal == os.getpid()
    dns.set(Want(terminal=1 << 30))  # it was closed just now
    assert change_free(dns, lambda _: USUAL) == dns.want == USUAL


async def test_a_terminal_takes_back_only_what_it_has_wanted(
    dns: Dns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(acts, "_ours", lambda *_: dns)
    monkeypatch.setattr(Dns, "meanwhile", Want(down=True))
    assert await acts.in_terminal("x", "dns") == 0
    assert dns.want == Want(down=True)
    assert "dns ended here; now: stopped (orrery start dns)" in capsys.readouterr().out


class Swapped(HostManaged):
    """Goes through `states`, one a look; the last stays."""

    states: list[ProcessState]

    @property
    def state(self) -> ProcessState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def _swapped(dns: Dns, *states: tuple[int, int]) -> Swapped:
    one = Swapped(dns.cluster, "dns", "127.0.0.1:0", dns.host)
    found = [ProcessState("dns", 0, "", pid=pid, restarts=ends, last_exit="exit code 3") for pid, ends in states]
    object.__setattr__(one, "states", found)
    return one


BEFORE = ProcessState("dns", 0, "", pid=7, restarts=5)


async def test_a_command_that_lives_is_in_place(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LIVED_SECONDS", 0.05)
    assert await wait_swapped(_swapped(dns, (7, 5), (0, 6), (8, 6)), BEFORE, 0) == 8


@pytest.mark.parametrize(
    "states",
    [
        [(7, 5), (8, 6), (0, 7)],
        [(7, 5), (8, 6), (9, 7)],
        [(7, 5), (0, 7)],  # nobody saw it live
    ],
)
async def test_a_command_that_ends_at_once_is_told(dns: Dns, states: list[tuple[int, int]]) -> None:
    dns.paths.logs.mkdir()
    log = dns.paths.logs / "dns.log"
    log.write_text("ours\nno module\n")
    with pytest.raises(UserError) as refused:
        await wait_swapped(_swapped(dns, *states), BEFORE, len("ours\n"))
    assert str(refused.value) == (
        "the command ended (exit code 3), and is started again and again; orrery swap dns --name x --back undoes it\n"
        "the log ends with:\nno module"
    )
    with pytest.raises(UserError, match=r"it printed nothing$"):
        await wait_swapped(_swapped(dns, *states), BEFORE, log.stat().st_size)
    log.write_text("anew\n")  # it had grown too long
    assert telling.read_after(log, 15) == "anew\n"


@pytest.mark.parametrize(
    ("want", "note", "said"),
    [
        (USUAL, "", ""),
        (USUAL, "stopped (orrery start dns)", "stopped (orrery start dns)"),  # by Docker
        (Want(down=True), "", "stopped (orrery start dns)"),
        (Want(argv=("mine",)), "replaced by mine (orrery swap dns --back)", ""),
    ],
)
def test_why_nobody_starts_it(dns: Dns, want: Want, note: str, said: str) -> None:
    dns.set(want)
    one = _swapped(dns, (0, 0))
    one.states[0].note = note
    assert telling.why_down(one) == said


@pytest.mark.parametrize(("kill", "said"), [(True, "was killed"), (False, "was told to stop")])
def test_what_is_restarted_is_told(
    dns: Dns, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kill: bool, said: str
) -> None:
    state = ProcessState("dns", 0, "", pid=os.getpid())
    monkeypatch.setattr(HostCluster, "processes", lambda _: [state])
    monkeypatch.setattr(finding, "running", lambda _: dns.cluster)
    monkeypatch.setattr(processes, "tell", lambda *_: None)
    args = ["restart", "dns", "--name", "x", *(["--kill"] if kill else [])]
    main(args)
    assert capsys.readouterr().out == f"dns (PID {os.getpid()}) {said}; the supervisor starts it again\n"
    state.pid = 0
    dns.set(Want(down=True))
    with pytest.raises(SystemExit, match=re.escape("orrery: dns is not running: stopped (orrery start dns)")):
        main(args)


def test_the_port_to_attach_to_is_told_where_it_is_not_the_usual_one(dns: Dns) -> None:
    assert "`Attach to dns`\n" in acts._how_to_attach(dns, PORTS["dns"], 7)
    assert "`Attach to dns`, port 80\n" in acts._how_to_attach(dns, 80, 7)
    assert "orrery debug dns --name x --off" in acts._how_to_attach(dns, 80, 7)
