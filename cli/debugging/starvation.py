"""Which rules keep a lease or a heartbeat from being renewed: said before it happens, not explained after. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from wire.rules import Action, Rule, Subject

WRITE = "/orrery.api.v1.Api/WriteMany"
READ = "/orrery.api.v1.Api/Get"
CRI_STATUS = "/runtime.v1.RuntimeService/Status"

NODE = "nodes cannot renew their leases: they become NotReady after 50 s, and pods are evicted 300 s later"
LEADER = "the leader cannot renew its lease: it stops leading after 10 s, and another may lead after 15 s"
RUNTIME = "the kubelet cannot ask its runtime how it is: the node becomes NotReady"
NEWS = "the controller-manager does not see that nodes renew their leases: it takes them for NotReady after 50 s"

EVERY_NODE = "*"
EVERY_LEADER = "leaders"


class Margin(NamedTuple):
    """What does no harm yet: messages that come late by less than `late` seconds each, or `spare` that are lost."""

    late: float
    spare: int


MARGINS = {
    NODE: Margin(10.0, 4),  # renewed every 10 s, missed after 50
    LEADER: Margin(2.0, 4),  # renewed by two messages every 2 s, given up after 10
    RUNTIME: Margin(10.0, 0),  # the kubelet believes the first answer
    NEWS: Margin(0.5, 4),  # events of one watch come one after another, leaders' leases among them
}


class Lifeline(NamedTuple):
    """A message that must arrive in time, and what becomes of it if not. A name of "{node}" is the component's own."""

    component: str
    edge: str
    subject: Subject
    loss: str


_NODE_LEASE = Subject("leases", "kube-node-lease", "{node}")
_LEADERS = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager"}
LIFELINES = (
    Lifeline("kubelet-*", f"rpc:{WRITE}", _NODE_LEASE, NODE),
    *(
        Lifeline(component, f"rpc:{method}", Subject("leases", "kube-system", lease), LEADER)
        for component, lease in _LEADERS.items()
        for method in (WRITE, READ)
    ),
    Lifeline("apiserver", f"serve:{WRITE}", Subject(), NODE),
    Lifeline("apiserver", f"serve:{WRITE}", Subject(), LEADER),
    Lifeline("apiserver", f"serve:{READ}", Subject("leases", "kube-system", EVERY_LEADER), LEADER),
    Lifeline("apiserver", "etcd:txn", Subject("Lease", "kube-node-lease", EVERY_NODE), NODE),
    Lifeline("apiserver", "etcd:txn", Subject("Lease", "kube-system", EVERY_LEADER), LEADER),
    Lifeline("apiserver", "etcd:watch", Subject("leases", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("apiserver", "apiwatch:leases", Subject("Lease", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("controller-manager", "watch:leases", Subject("Lease", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("kubelet-*", f"rpc:{CRI_STATUS}", Subject(), RUNTIME),
    Lifeline("runtime-*", f"serve:{CRI_STATUS}", Subject(), RUNTIME),
)


def losses(rule: Rule, pattern: str, components: Iterable[str]) -> list[str]:
    """What `rule` makes lost by what becomes of the messages that it takes, at components that `pattern` names."""
    every = list(components)
    nodes = [one.removeprefix("kubelet-") for one in every if one.startswith("kubelet-")]
    found = [
        line.loss
        for line in LIFELINES
        if _harms(rule, MARGINS[line.loss])
        for component in every
        if fnmatchcase(component, line.component) and fnmatchcase(component, pattern)
        if any(rule.matches(line.edge, subject) for subject in _subjects(line.subject, component, nodes))
    ]
    return list(dict.fromkeys(found))


def _harms(rule: Rule, margin: Margin) -> bool:
    """Is more taken from such messages than they have to spare? What is held may stay so for ever."""
    match rule.action:
        case Action.DUPLICATE:
            return False
        case Action.DELAY:
            return rule.delay_seconds + rule.jitter_seconds >= margin.late
        case Action.DROP | Action.ERROR:
            return not 0 < rule.count <= margin.spare
        case _:
            return True


def _subjects(subject: Subject, component: str, nodes: list[str]) -> list[Subject]:
    """The subject as this component has it: of its own node, of every node, or of every leader."""
    own = component.removeprefix("kubelet-").removeprefix("runtime-")
    every = {EVERY_NODE: nodes, EVERY_LEADER: list(_LEADERS.values())}
    names = every.get(subject.name, [subject.name.format(node=own)])
    return [subject._replace(name=name) for name in names]
