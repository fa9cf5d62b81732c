"""The components that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cli.debugging.near import did_you_mean
from cli.errors import UserError


@dataclass(frozen=True)
class Subject:
    """`identity` is the name that its writes are under; `flags` are for ours: it is alone, and draws lots by a seed."""

    identity: str
    flags: Callable[[int], tuple[str, ...]]


SUBJECTS: Final[Mapping[str, Subject]] = {
    "scheduler": Subject("system:kube-scheduler", lambda seed: ("--no-leader-elect", "--seed", str(seed))),
    "controller-manager": Subject(
        "system:kube-controller-manager",
        # There are no kubelets: no node's silence means anything.
        lambda _: ("--no-leader-elect", "--node-monitor-grace-period", "1e9"),
    ),
}

_WRITES_NO_OBJECTS: Final = "what it decides are no objects in etcd"
_REFUSED: Final = {
    "apiserver": "both sides run on ours: without it there is nothing to see decisions in",
    "etcd": "both sides run on it: without it there is nothing to see decisions in",
    "kubelet": f"{_WRITES_NO_OBJECTS} but containers",
    "runtime": f"{_WRITES_NO_OBJECTS} but containers",
    "kube-proxy": f"{_WRITES_NO_OBJECTS} but rules in a node's kernel",
    "dns": f"{_WRITES_NO_OBJECTS} but answers",
}


def require_component(name: str) -> None:
    """Raises UserError for what cannot be compared."""
    if name in SUBJECTS:
        return
    there = " and ".join(SUBJECTS)
    for refused, why in _REFUSED.items():
        if name == refused or name.startswith(f"{refused}-"):
            raise UserError(f"{name} cannot be compared: {why}. {there} can")
    raise UserError(f"no component {name}{did_you_mean(name, [*SUBJECTS, *_REFUSED])}; {there} can be compared")
