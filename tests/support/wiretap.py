"""`orrery wire` beside a test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster import ROOT, Cluster, eventually


@contextmanager
def listening(cluster: Cluster, out: Path, *args: str) -> Iterator[Callable[[], str]]:
    """`orrery wire` while the body runs; gives a function that reads what it has printed."""
    command = [sys.executable, "-m", "cli", "wire", "--name", cluster.name, *args]
    with out.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env=cluster.environment)
    try:
        # A component sends its recent messages, or none; leases are renewed all the time, so one soon comes.
        probe = [sys.executable, "-m", "cli", "wire", "--name", cluster.name, "--count", "1", "--duration", "20s"]
        eventually("listening", lambda: "listening" in out.read_text())
        subprocess.run(probe, capture_output=True, cwd=ROOT, env=cluster.environment, check=True, timeout=30)
        yield out.read_text
    finally:
        process.kill()
        process.wait()
