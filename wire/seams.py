"""What makes a process debuggable, handed to everything in it: its clock, gates and tracer.

The cluster's clock and rules are files too (`clock.json`, and `rules.json` beside it), because a process that starts
while the clock stands or a fault is in force must begin that way. A running process looks at them now and then, for who
stood still or was out of reach when the others were told. Beside them, in `spans/`, it leaves its spans.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from apimachinery.clock import Clock, ClockState
from apimachinery.errors import ApiError
from wire import trace
from wire.capture import Capture
from wire.gates import Gates
from wire.limits import FOLLOW_SECONDS, STOOD_STILL_SECONDS
from wire.open_streams import Streams
from wire.process import CannotRun
from wire.rules import Rule, rule_from_json
from wire.span_file import SpanFile, span_file
from wire.tracer import Tracer

RULES_FILE = "rules.json"
TRACING_FILE = "tracing.json"

Explainer = Callable[[str, str, str], Iterable[tuple[str, dict[str, Any]]]]
"""Asked about a resource's (`pods`) namespace and name: topics, each with facts that are JSON."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seams:
    """One per component. `component` is its name as people type it: `scheduler`, `kubelet-worker-1`."""

    component: str
    clock: Clock
    gates: Gates
    tracer: Tracer
    started: float = field(default_factory=time.time)
    capture: Capture = field(default_factory=Capture)
    streams: Streams = field(default_factory=Streams)
    explainers: list[Explainer] = field(default_factory=list)
    """What parts of the component can tell of an object and what they did about it."""


class BrokenFile(CannotRun):
    """A clock's or rules' file that cannot be understood: whoever starts now would not live in the others' time."""


class FileClock(Clock):
    """A clock that is told what to show by a file, which need not exist: then it shows real time.

    A process that stood still (at a breakpoint, or stopped) must not act on a line that the others left meanwhile: who
    asks after a pause is shown the file's time, before any timer that would be due on the old line fires.
    """

    def __init__(self, file: Path, *, source: Callable[[], float] = time.monotonic) -> None:
        self._looked = source()
        self._stamp = _stamp(file)
        super().__init__(read_clock(file), source=source)
        self.file = file

    def time(self) -> float:
        now = self._source()
        if now - self._looked > STOOD_STILL_SECONDS:
            self._looked = now
            self._catch_up()
        state = self._state
        return state.cluster_time + (now - state.monotonic) * state.rate

    def _catch_up(self) -> None:
        stamp = _stamp(self.file)
        if stamp == self._stamp or not _in_loop():
            return
        try:
            state = read_clock(self.file)
        except (BrokenFile, OSError):
            return  # whoever follows the files complains
        self._stamp = stamp
        if state is not None and state.monotonic > self.state.monotonic:
            self.adopt(state)


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _in_loop() -> bool:
    """Timers belong to the loop's thread; another that asks for the time moves none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def make_seams(component: str, clock: Clock | None = None) -> Seams:
    clock = clock or Clock()
    clock.context = trace.current
    file = SpanFile(span_file(clock.file, component)) if isinstance(clock, FileClock) else None
    seams = Seams(component, clock, Gates(clock), Tracer(component, file=file))
    if isinstance(clock, FileClock):
        seams.tracer.on = read_tracing(clock.file.with_name(TRACING_FILE))
        for rule in read_rules(clock.file.with_name(RULES_FILE), component):
            _set(seams, rule)
    return seams


def _set(seams: Seams, rule: Rule) -> bool:
    """One rule too many in the file is no reason not to run."""
    try:
        seams.gates.add(rule)
    except ApiError as error:
        _log.warning("%s is not in force here: %s", rule.id, error)
        return False
    return True


def load_clock(path: Path | None) -> Clock:
    """The cluster's clock as the file says it (`monotonic`, `cluster_time`, `rate`), or real time if there is none."""
    return FileClock(path) if path is not None else Clock()


def read_clock(path: Path) -> ClockState | None:
    """None if there is no file. Raises BrokenFile."""
    return read_clock_as(path, clock_line)


def clock_line(tree: dict[str, Any]) -> ClockState:
    return ClockState(*(float(tree[name]) for name in ClockState._fields))


def read_clock_as(path: Path, build: Callable[[dict[str, Any]], _T]) -> _T | None:
    """What `build` makes of the clock's file; commands note more in it than components need. Raises BrokenFile."""
    if not path.exists():
        return None
    with _reading(path):
        return build(json.loads(path.read_text()))


def read_rules(path: Path, component: str) -> list[Rule]:
    """Those meant for `component`. Each entry is a rule's fields and a pattern, `component`, that says for whom.

    Raises BrokenFile.
    """
    if not path.exists():
        return []
    with _reading(path):
        entries: list[dict[str, Any]] = json.loads(path.read_text())["rules"]
        return [
            rule_from_json({name: value for name, value in entry.items() if name not in _ABOUT_A_RULE})
            for entry in entries
            if fnmatchcase(component, entry.get("component", "*"))
        ]


def read_tracing(path: Path) -> bool:
    """Are components to keep spans? Yes, if there is no file. Raises BrokenFile."""
    if not path.exists():
        return True
    with _reading(path):
        return bool(json.loads(path.read_text())["on"])


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenFile(f"{path} is broken ({error!r}); remove it, or set the clock and the rules again") from None


_ABOUT_A_RULE = ("component", "created", "said")  # what the file adds to a rule


async def follow_files(seams: Seams) -> None:
    """Keep clock and rules as the files say. Never returns; nothing to do for a clock without a file."""
    clock = seams.clock
    if not isinstance(clock, FileClock):
        return
    follower = _Follower(seams, clock)
    while True:
        try:
            follower.look()
        except (BrokenFile, OSError) as error:
            _log.warning("%s; until then all stays as it was", error)
        except Exception:  # noqa: BLE001 - a bug; but who follows no more lives in a cluster of its own
            _log.exception("the cluster's files cannot be followed")
        await asyncio.sleep(FOLLOW_SECONDS)


class _Follower:
    """What it saw in the files last time."""

    def __init__(self, seams: Seams, clock: FileClock) -> None:
        self._seams = seams
        self._clock = clock
        self._rules_file = clock.file.with_name(RULES_FILE)
        self._tracing_file = clock.file.with_name(TRACING_FILE)
        self._seen: dict[Path, int] = {}
        self._rules: dict[str, Rule] = {rule.id: rule for rule in seams.gates.rules()}

    def look(self) -> None:
        if self._changed(self._clock.file):
            state = read_clock(self._clock.file)
            if state is not None and state.monotonic > self._clock.state.monotonic:
                self._clock.adopt(state)
        self._seams.gates.rules()  # forgets what has expired
        if self._changed(self._rules_file):
            self._take(read_rules(self._rules_file, self._seams.component))
        if self._changed(self._tracing_file):
            self._seams.tracer.on = read_tracing(self._tracing_file)

    def _take(self, rules: list[Rule]) -> None:
        """Set what is new, forget what has gone. Rules that were never in the file are none of its business."""
        gates, now = self._seams.gates, {rule.id for rule in rules}
        for gone in [one for one in self._rules.values() if one.id not in now]:
            del self._rules[gone.id]
            if not gone.expired(self._clock.time()):
                gates.delete(gone.id, release=True)
        for rule in rules:
            if self._rules.get(rule.id) != rule and _set(self._seams, rule):
                self._rules[rule.id] = rule

    def _changed(self, path: Path) -> bool:
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        before = self._seen.get(path)
        self._seen[path] = stamp
        return stamp != before
