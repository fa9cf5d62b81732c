"""What the seams cost while nothing is switched on: a cluster as it is against one with its seams compiled out.

`python -m bench.seams`. Two clusters of real processes on simulated nodes run the same work in turn, in slices of less
than a second, the one with seams first in every other slice. What is compared is the quartile of slices that were least
disturbed, since whatever else a machine does can only slow them; with the bounds within which 90 of 100 such runs would
find the ratio (bootstrap). CPU is of all the cluster's processes, etcd's included; the load's own counts where it works
as a component (gRPC), not where it is an outside client (REST). `--null` compares two clusters that are the same: that
shows what the method makes of no difference. Nothing is switched on, so tracing is off; `--tracing` leaves it on, as it
is after `orrery up`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bench import bare
from proto import debug_pb2
from tests.support.cluster import ROOT, Cluster
from tests.support.debug import components, debug_of

GOAL: Final = 0.02
NODES: Final = 2
DRAWS: Final = 1000


class Work(NamedTuple):
    """`slices` times `units` of what `bench.load` calls `name`, in each round."""

    name: str
    title: str
    slices: int
    units: int
    by_component: bool
    """Is the load a component here, whose CPU counts?"""


WORKS: Final = (
    Work("rest_create", "REST create", 20, 50, False),
    Work("rest_get", "REST get", 20, 100, False),
    Work("grpc_write", "gRPC WriteMany", 20, 50, True),
    Work("grpc_get", "gRPC Get", 20, 60, True),
    Work("grpc_watch", "gRPC WriteMany, 8 watchers", 20, 30, True),
    Work("pods", "Deployment, create to Running", 2, 30, True),
)


class Figure(NamedTuple):
    """Of one piece of work in one round."""

    per_second: float
    cpu: float
    """Seconds per unit."""


@dataclass
class Side:
    """One of the two clusters, with the process that loads it."""

    cluster: Cluster
    load: subprocess.Popen[str]
    figures: dict[str, list[Figure]] = field(default_factory=dict)

    def measure(self, work: Work) -> None:
        pids = [one["pid"] for one in self.cluster.processes().values()]
        if work.by_component:
            pids.append(self.load.pid)
        before = sum(map(cpu_seconds, pids))
        seconds = self._do(work.name, work.units)
        cpu = sum(map(cpu_seconds, pids)) - before
        self.figures.setdefault(work.name, []).append(Figure(work.units / seconds, cpu / work.units))

    def _do(self, name: str, count: int) -> float:
        assert self.load.stdin is not None
        assert self.load.stdout is not None
        self.load.stdin.write(json.dumps({"work": name, "count": count}) + "\n")
        self.load.stdin.flush()
        answer = self.load.stdout.readline()
        if not answer:
            raise RuntimeError(f"the load of {self.cluster.name} ended")
        return float(answer)

    def seen(self) -> tuple[int, int]:
        """Messages counted at gates and spans kept, by all components together."""
        messages = spans = 0
        for component in components(self.cluster):
            with debug_of(self.cluster, component) as debug:
                messages += sum(one.passed for one in debug.ListEdges(debug_pb2.ListEdgesRequest()).edges)
                spans += sum(1 for _ in debug.Spans(debug_pb2.SpansRequest()))
        return messages, spans


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, to the nanosecond: its CPU clock as clock_getcpuclockid(3) names it."""
    return time.clock_gettime((~pid << 3) | 2)


@contextmanager
def running(name: str, home: Path, extra: dict[str, str], *, tracing: bool) -> Iterator[Side]:
    cluster = Cluster(name, home, extra)
    try:
        cluster.orrery("up", "--runtime", "sim", "--nodes", str(NODES))
        cluster.orrery("tracing", "on" if tracing else "off")
        with subprocess.Popen(
            [sys.executable, "-c", "from bench.load import main; main()", str(cluster.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=cluster.environment,
        ) as load:
            yield Side(cluster, load)
            assert load.stdin is not None
            load.stdin.close()
    finally:
        cluster.orrery("down", check=False)


def report(rounds: int, *, only: str = "", null: bool = False, tracing: bool = False) -> None:
    works = [one for one in WORKS if only in one.name]
    with (
        tempfile.TemporaryDirectory() as home,
        running("bench-without", Path(home) / "without", {} if null else bare.ENVIRONMENT, tracing=tracing) as plain,
        running("bench-with", Path(home) / "with", {}, tracing=tracing) as seamed,
    ):
        for turn in range(rounds + 1):
            for work in works:
                for slice_ in range(work.slices):
                    for side in (plain, seamed) if (turn + slice_) % 2 else (seamed, plain):
                        side.measure(work)
        _tell_what_was_compared("tracing" if tracing else "idle seams", plain, seamed, null)
        _tell_figures(plain, seamed, works, rounds)


def _tell_what_was_compared(title: str, plain: Side, seamed: Side, null: bool) -> None:
    """Raises if the one without seams has some, or the other has none."""
    places, modules = (0, 0) if null else bare.survey()
    print(f"\n{title}, against none: compiled out at {places} places in {modules} modules, and around every call")
    for name, side in (("without", plain), ("with", seamed)):
        messages, spans = side.seen()
        print(f"  {name + ' seams':14} {messages:9,} messages counted at gates, {spans:7,} spans kept")
        if not null and (bool(messages) is not (side is seamed) or bool(spans) is not (side is seamed)):
            raise RuntimeError("this compares nothing")


def _tell_figures(plain: Side, seamed: Side, works: list[Work], rounds: int) -> None:
    print(f"\n{f'{rounds} rounds':30} {'without':>10} {'with':>10}    ratio (90 %)")
    ratios: dict[str, list[float]] = {"throughput lost": [], "CPU added": []}
    for work in works:
        first = work.slices  # the first round warms up
        pairs = list(zip(plain.figures[work.name][first:], seamed.figures[work.name][first:], strict=True))
        times = [(1 / a.per_second, 1 / b.per_second) for a, b in pairs]
        ratios["throughput lost"].append(1 / _line(work.title, "/s", times, inverse=True))
        ratios["CPU added"].append(_line("  CPU per unit", "us", [(a.cpu * 1e6, b.cpu * 1e6) for a, b in pairs]))
    print()
    for what, found in ratios.items():
        mean = statistics.geometric_mean(found) - 1
        print(f"{what}, the mean of all this work: {mean:+.1%} (goal: under {GOAL:.0%})")


def _line(title: str, unit: str, pairs: list[tuple[float, float]], *, inverse: bool = False) -> float:
    """Prints what both sides took, or with `inverse` how much they did of it per second; gives the ratio."""
    (without, with_), (low, high) = _least_disturbed(pairs), _bounds(pairs)
    ratio = with_ / without
    if inverse:
        without, with_, ratio, low, high = 1 / without, 1 / with_, 1 / ratio, 1 / high, 1 / low
    print(f"{title:30} {without:10,.0f} {with_:10,.0f} {unit} {ratio:6.3f} ({low:.3f}-{high:.3f})")
    return ratio


def _least_disturbed(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """The first quartile of each side."""
    without, with_ = (statistics.quantiles(column, n=4)[0] for column in zip(*pairs, strict=True))
    return without, with_


def _bounds(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Between which the ratio lies in 90 % of the draws of as many pairs from these, with putting back."""
    draw = random.Random(1)
    found = [_least_disturbed(draw.choices(pairs, k=len(pairs))) for _ in range(DRAWS)]
    ratios = sorted(with_ / without for without, with_ in found)
    return ratios[DRAWS // 20], ratios[-DRAWS // 20]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.seams", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, after one to warm up (default: %(default)s)")
    parser.add_argument("--only", default="", help="only work whose name contains this, such as `grpc`")
    parser.add_argument("--null", action="store_true", help="leave the seams in, in both")
    parser.add_argument("--tracing", action="store_true", help="with tracing on, in both")
    args = parser.parse_args()
    report(args.rounds, only=args.only, null=args.null, tracing=args.tracing)


if __name__ == "__main__":
    main()
