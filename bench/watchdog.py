"""How soon the cluster's clock stands when a component under debug does, and goes on with it.

`python -m bench.watchdog` starts a cluster of simulated nodes, puts a kubelet under debug, and stops and continues its
process (SIGSTOP, SIGCONT) again and again. *Stands* is when the file says so, *told* when every other component has
taken the new line. Beside it, from the same run, what one question to a component's Debug service takes.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from proto import debug_pb2
from tests.support.cluster import Cluster, eventually
from tests.support.debug import debug_of

TIMES = 20
LIMIT_SECONDS = 0.3
COMPONENT = "kubelet-worker-1"
POLL_SECONDS = 0.001
APART_SECONDS = 0.5  # between one stop and the next, so that each begins from rest


def rate(cluster: Cluster) -> float:
    file = cluster.root / "clock.json"
    return float(json.loads(file.read_text())["rate"]) if file.exists() else 1.0


def noted(cluster: Cluster) -> bool:
    return "stands still" in str(cluster.processes()[COMPONENT]["note"])


def after(signal_number: signal.Signals, pid: int, *seen: Callable[[], bool]) -> list[float]:
    """Seconds from the signal until each was seen, in their order."""
    began = time.monotonic()
    os.kill(pid, signal_number)
    found = []
    for one in seen:
        eventually("the clock follows", one, seconds=30, every=POLL_SECONDS)
        found.append(time.monotonic() - began)
    return found


def question_seconds(cluster: Cluster) -> float:
    with debug_of(cluster, COMPONENT) as debug:
        debug.Info(debug_pb2.InfoRequest())
        began = time.monotonic()
        debug.Info(debug_pb2.InfoRequest())
        return time.monotonic() - began


def measure(cluster: Cluster) -> dict[str, list[float]]:
    pid = cluster.pid(COMPONENT)
    found: dict[str, list[float]] = {"stands": [], "told": [], "goes on": [], "told so": [], "a question": []}
    for _ in range(TIMES):
        found["a question"].append(question_seconds(cluster))
        stopped = after(signal.SIGSTOP, pid, lambda: rate(cluster) == 0, lambda: noted(cluster))
        time.sleep(APART_SECONDS)
        went_on = after(signal.SIGCONT, pid, lambda: rate(cluster) == 1, lambda: not noted(cluster))
        time.sleep(APART_SECONDS)
        for name, seconds in zip(("stands", "told", "goes on", "told so"), [*stopped, *went_on], strict=True):
            found[name].append(seconds)
    return found


def report(found: dict[str, list[float]]) -> None:
    print(f"{COMPONENT} stopped and continued {TIMES} times; limit {LIMIT_SECONDS} s")
    print(f"  {'':12}{'median':>9}{'max':>9}{'of limit':>10}{'over it':>9}")
    for name, seconds in found.items():
        middle, longest = statistics.median(seconds), max(seconds)
        over = sum(one > LIMIT_SECONDS for one in seconds)
        print(f"  {name:12}{middle:8.3f}s{longest:8.3f}s{longest / LIMIT_SECONDS:9.0%}{over:9}")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        cluster = Cluster("bench-watchdog", Path(home))
        try:
            cluster.orrery("up", "--runtime", "sim", "--nodes", "1")
            cluster.orrery("debug", COMPONENT, "--port", sys.argv[1] if len(sys.argv) > 1 else "15679")
            report(measure(cluster))
        finally:
            cluster.orrery("down", check=False)


if __name__ == "__main__":
    main()
