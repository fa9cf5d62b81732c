"""What a cluster left behind: looked for from outside, by its folder and its name, not by what it says of itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.cluster import Cluster


def leftovers(cluster: Cluster) -> list[str]:
    """Processes, containers, networks and mounts that should be gone, each as a line to read."""
    return [*_processes(cluster.home), *_mounts(cluster.home), *_containers(cluster.name)]


def _processes(home: Path) -> list[str]:
    """Whose command line or environment names the cluster's folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        if int(name) == os.getpid() or "Z" in _read(name, "stat").rpartition(")")[2].split()[:1]:
            continue
        command = _read(name, "cmdline").replace("\0", " ")
        if f"{home}/" in command or f"={home}/" in _read(name, "environ"):
            found.append(f"process {name}: {command}")
    return found


def _read(pid: str, name: str) -> str:
    try:
        return Path("/proc", pid, name).read_text(errors="replace")
    except OSError:
        return ""


def _mounts(home: Path) -> list[str]:
    points = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return [f"mount {point}" for point in points if point.startswith(f"{home}/")]


def _containers(name: str) -> list[str]:
    label = f"label=orrery.cluster={name}"
    asked = {"container": ["ps", "-aq"], "network": ["network", "ls", "-q"]}
    found = []
    for kind, command in asked.items():
        done = subprocess.run(["docker", *command, "--filter", label], capture_output=True, text=True, check=False)
        found += [f"{kind} {one}" for one in done.stdout.split()]
    return found
