"""Who serves Debug, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.supervisor import ProcessState

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


def targets_of(addresses: Mapping[str, str], processes: list[ProcessState]) -> list[Target]:
    """`addresses` as `Cluster` has them."""
    served = {one.name: _DEBUG_PORT.get(one.name, one.name) for one in processes if one.name not in _NO_DEBUG}
    return [
        Target(one.name, addresses[served[one.name]], one.pid) for one in processes if served.get(one.name) in addresses
    ]


def chosen(targets: list[Target], pattern: str) -> list[Target]:
    """Those whose name matches a shell pattern. Raises UserError, naming the near ones, if there is none."""
    found = [one for one in targets if fnmatchcase(one.component, pattern)]
    if not found:
        raise UserError(f"no component {pattern}{did_you_mean(pattern, [one.component for one in targets])}")
    return found
