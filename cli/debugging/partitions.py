"""Which calls two components make of one another, so that they can be cut off. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from cli.debugging.near import did_you_mean
from cli.debugging.targets import Target
from cli.errors import UserError
from wire.rules import Action, Rule

API = "rpc:/orrery.api.v1.*"
KUBELET = "rpc:/orrery.kubelet.*"
CRI = "rpc:/runtime.v1.*"
_OTHERS = ("etcd", "docker")  # ends of edges that serve no Debug
_CALLS = {
    ("scheduler", "apiserver"): API,
    ("controller-manager", "apiserver"): API,
    ("kubelet", "apiserver"): API,
    ("kube-proxy", "apiserver"): API,
    ("dns", "apiserver"): API,
    ("apiserver", "kubelet"): KUBELET,
    ("kubelet", "runtime"): CRI,
    ("apiserver", "etcd"): "etcd:*",
    ("runtime", "docker"): "docker:*",
}


class Cut(NamedTuple):
    """Calls of one component that must fail: on which edges, and to which address, "" for any."""

    component: str
    edge: str
    peer: str


def role(component: str) -> str:
    """`kubelet` of `kubelet-worker-1`."""
    return next((one for one in ("kube-proxy", "kubelet", "runtime") if component.startswith(f"{one}-")), component)


def cuts(one: str, other: str, targets: Sequence[Target]) -> list[Cut]:
    """Every call between components that two patterns name, both ways. Raises UserError if there are none."""
    addresses = {target.component: target.address for target in targets} | dict.fromkeys(_OTHERS, "")
    sides = [_named(pattern, addresses) for pattern in (one, other)]
    found = [
        cut
        for callers, callees in (sides, reversed(sides))
        for caller in callers
        for callee in callees
        if (cut := _cut(caller, callee, addresses))
    ]
    if not found:
        raise UserError(f"{one} and {other} never talk to one another; {_partners(sides[0][0])}")
    return list(dict.fromkeys(found))


def rules_of(found: Sequence[Cut], expires: float) -> list[tuple[str, Rule]]:
    """A call over the cut fails at once, as where the network refuses; streams that are open end."""
    return [(cut.component, Rule(cut.edge, Action.ERROR, peer=cut.peer, expires=expires, cut=True)) for cut in found]


def _cut(caller: str, callee: str, addresses: dict[str, str]) -> Cut | None:
    edge = _CALLS.get((role(caller), role(callee)))
    if edge is None or caller in _OTHERS:
        return None
    if role(callee) == "runtime" and caller.partition("-")[2] != callee.partition("-")[2]:
        return None  # a kubelet talks to its own runtime only
    return Cut(caller, edge, addresses[callee] if role(callee) == "kubelet" else "")


def _named(pattern: str, addresses: dict[str, str]) -> list[str]:
    found = [name for name in addresses if fnmatchcase(name, pattern)]
    if not found:
        raise UserError(f"no component {pattern}{did_you_mean(pattern, addresses)}")
    return found


def _partners(component: str) -> str:
    mine = role(component)
    partners = {b for a, b in _CALLS if a == mine} | {a for a, b in _CALLS if b == mine}
    return f"{component} talks to: {', '.join(sorted(partners))}"
