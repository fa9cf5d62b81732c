"""`orrery up` to all nodes Ready, and each process's start to its first answer, against starting a bare Python."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time

from tests.support.cluster import Cluster

ROUNDS = 3
_LISTENING = re.compile(r"serving .* after (\d+) ms")


def report(cluster: Cluster) -> None:
    """Leaves the cluster running."""
    base = statistics.median(_python_start() for _ in range(ROUNDS))
    times = []
    for number in range(ROUNDS + 1):
        started = time.monotonic()
        cluster.orrery("up", "--runtime", "docker", "--nodes", "2")
        times.append(time.monotonic() - started)
        if number < ROUNDS:
            cluster.orrery("down")
    first, *again = times
    print(f"\norrery up, two Ready nodes (baseline: python -c 'import grpc.aio', {base:.2f} s)")
    print(f"  first                    {first:6.2f} s  {first / base:5.1f} x baseline")
    middle = statistics.median(again)
    print(f"  again (median of {ROUNDS})      {middle:6.2f} s  {middle / base:5.1f} x baseline (goal: 6 s)")
    print("\nstart-up per component, process start to serving")
    for name in cluster.processes():
        found = _LISTENING.search(cluster.log(name))
        if found:
            seconds = int(found.group(1)) / 1000
            print(f"  {name:24} {seconds:6.2f} s  {seconds / base:5.1f} x baseline")


def _python_start() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import grpc.aio"], check=True)
    return time.monotonic() - started
