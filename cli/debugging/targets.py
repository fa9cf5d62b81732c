"""Who serves Debug, and where: from the files that the supervisor keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cli import spec as specs
from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState, read_state

LOCAL = "127.0.0.1"
_DEBUG_PORT = {"apiserver": "apiserver-rpc", "dns": "dns-debug"}  # everyone else has one port
_NO_DEBUG = ("etcd",)


@dataclass(frozen=True)
class Target:
    """One component and where its Debug service listens."""

    component: str
    address: str
    pid: int = 0

    @property
    def frozen(self) -> bool:
        return is_frozen(self.pid)


def is_frozen(pid: int) -> bool:
    """Does the process stand still, by SIGSTOP?"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] in "Tt"


def running(name: str) -> tuple[ClusterSpec, list[ProcessState]]:
    """The cluster and its processes. Raises UserError if it does not run."""
    spec = specs.load(name)
    supervisor, processes = read_state(Paths.of(name).state)
    if spec is None or not supervisor:
        raise UserError(f"cluster {name} does not run; orrery up --name {name} starts it")
    return spec, processes


def targets_of(ports: Mapping[str, int], processes: list[ProcessState]) -> list[Target]:
    return [
        Target(one.name, f"{LOCAL}:{ports.get(_DEBUG_PORT.get(one.name, one.name), one.port)}", one.pid)
        for one in processes
        if one.name not in _NO_DEBUG
    ]


def chosen(targets: list[Target], pattern: str) -> list[Target]:
    """Those whose name matches a shell pattern. Raises UserError, naming the near ones, if there is none."""
    found = [one for one in targets if fnmatchcase(one.component, pattern)]
    if not found:
        raise UserError(f"no component {pattern}{did_you_mean(pattern, [one.component for one in targets])}")
    return found
