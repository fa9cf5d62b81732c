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


class Lifeline(NamedTuple):
    """A message that must arrive in time, and what becomes of it if not. "{node}" is the component's own."""

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
    Lifeline("apiserver", "etcd:txn", Subject("Lease", "kube-node-lease", "*"), NODE),
    Lifeline("apiserver", "etcd:watch", Subject("leases", "kube-node-lease", "*"), NEWS),
    Lifeline("apiserver", "apiwatch:leases", Subject("Lease", "kube-node-lease", "*"), NEWS),
    Lifeline("controller-manager", "watch:leases", Subject("Lease", "kube-node-lease", "*"), NEWS),
    Lifeline("kubelet-*", f"rpc:{CRI_STATUS}", Subject(), RUNTIME),
    Lifeline("runtime-*", f"serve:{CRI_STATUS}", Subject(), RUNTIME),
)


def losses(rule: Rule, pattern: str, components: Iterable[str]) -> list[str]:
    """What is lost if messages that `rule` takes, at components that `pattern` names, do not pass."""
    every = list(components)
    found = [
        line.loss
        for line in LIFELINES
        for component in every
        if fnmatchcase(component, line.component) and fnmatchcase(component, pattern)
        if rule.matches(line.edge, _of(line.subject, component, rule))
    ]
    return list(dict.fromkeys(found))


def _of(subject: Subject, component: str, rule: Rule) -> Subject:
    """The subject as this component has it; `*` stands for any name, so for the one that the rule is after."""
    node = component.partition("-")[2]
    if subject.name == "*":
        return subject._replace(name=rule.name)
    return subject._replace(name=subject.name.format(node=node))
