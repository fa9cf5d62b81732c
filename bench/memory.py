"""Resident memory of each process of an idle cluster, against that of a bare Python with gRPC imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.cluster import Cluster

CONTROL_PLANE = ("apiserver", "scheduler", "controller-manager")
GOAL_MB = 250
_BASELINE = "import grpc.aio, re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read()).group(1))"


def resident_mb(pid: int) -> float:
    """VmRSS of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} says nothing of its memory")


def report(cluster: Cluster) -> None:
    answer = subprocess.run([sys.executable, "-c", _BASELINE], capture_output=True, text=True, check=True)
    base = int(answer.stdout) / 1024
    used = {name: resident_mb(one["pid"]) for name, one in cluster.processes().items()}
    print(f"\nresident memory, idle (baseline: Python with grpc imported, {base:.0f} MB)")
    for name, megabytes in used.items():
        print(f"  {name:24} {megabytes:6.0f} MB  {megabytes / base:5.2f} x baseline")
    together = sum(used[name] for name in CONTROL_PLANE)
    print(f"  {'control plane together':24} {together:6.0f} MB  {together / base:5.2f} x baseline (goal: {GOAL_MB} MB)")
