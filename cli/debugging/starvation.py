"""Which rules keep a lease or a heartbeat from being renewed: said before it happens, not explained after. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from wire.rules import Rule, Subject

WRITE = "/orrery.api.v1.Api/WriteMany"
READ = "/orrery.api.v1.Api/Get"
CRI_STATUS = "/runtime.v1.RuntimeService/Status"

NODE = "nodes cannot renew their leases: they become NotReady after 50 s, and pods are evicted 300 s later"
LEADER = "the leader cannot renew its lease: it stops leading after 10 s, and another may lead after 15 s"
RUNTIME = "the kubelet cannot ask its runtime how it is: the node becomes NotReady"
NEWS = "the controller-manager does not see that nodes renew their leases: it takes them for NotReady after 50 s"


EVERY_NODE = "*"


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
    Lifeline("apiserver", f"serve:{READ}", Subject("leases", "kube-system", "kube-scheduler"), LEADER),
    Lifeline("apiserver", "etcd:txn", Subject("Lease", "kube-node-lease", EVERY_NODE), NODE),
    Lifeline("apiserver", "etcd:watch", Subject("leases", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("apiserver", "apiwatch:leases", Subject("Lease", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("controller-manager", "watch:leases", Subject("Lease", "kube-node-lease", EVERY_NODE), NEWS),
    Lifeline("kubelet-*", f"rpc:{CRI_STATUS}", Subject(), RUNTIME),
    Lifeline("runtime-*", f"serve:{CRI_STATUS}", Subject(), RUNTIME),
)


def losses(rule: Rule, pattern: str, components: Iterable[str]) -> list[str]:
    """What is lost if messages that `rule` takes, at components that `pattern` names, do not pass."""
    every = list(components)
    nodes = [one.removeprefix("kubelet-") for one in every if one.startswith("kubelet-")]
    found = [
        line.loss
        for line in LIFELINES
        for component in every
        if fnmatchcase(component, line.component) and fnmatchcase(component, pattern)
        if any(rule.matches(line.edge, subject) for subject in _subjects(line.subject, component, nodes))
    ]
    return list(dict.fromkeys(found))


def _subjects(subject: Subject, component: str, nodes: list[str]) -> list[Subject]:
    """The subject as this component has it: of its own node, or of every node."""
    own = component.removeprefix("kubelet-").removeprefix("runtime-")
    names = nodes if subject.name == EVERY_NODE else [subject.name.format(node=own)]
    return [subject._replace(name=name) for name in names]
