"""Every fault that may be drawn. Pure.

A seed counts through the table first and through the nodes then, so that seeds 0, 1, 2, ... are all of them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cli.debugging.partitions import role
from wire.rules import HIDDEN, Action, Rule

NOWHERE: Final = "none"
PROCESS: Final = "process"
_CRI: Final = "serve:/runtime.v1.RuntimeService"
WRITE_MANY: Final = "rpc:/orrery.api.v1.Api/WriteMany"
LATE_SECONDS: Final = 30.0
NODES: Final = 2  # of a cluster: the lab's pods are on these, so that what is broken there shows

KINDS: Final[dict[Action | None, str]] = {
    None: "frozen",
    Action.HOLD: "held",
    Action.DROP: "lost",
    Action.ERROR: "failing",
    Action.DELAY: "late",
}
"""What becomes of messages, as students are asked for it. None: the process itself stands still."""


@dataclass(frozen=True)
class Fault:
    """`component` may be one of each node: `kubelet-{node}`. `action` None freezes its process.

    `ticket` is what users complain of, `look` where to look, and `shows` how it is to be seen for sure.
    """

    component: str
    edge: str
    action: Action | None
    ticket: str
    look: str
    shows: str
    kind: str = ""
    """Of object, for a rule that takes only such messages."""


PENDING: Final = "New pods stay Pending. Those that ran before run on."
HALF: Final = "Some of the new pods never become Ready; it looks as if that were a matter of luck."
STALE: Final = "A new Service answers for some clients and not for others."

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "scheduler", PROCESS, None, PENDING,
        "the pods have no node: who gives them one, and does it answer?",
        "orrery why pod/NAME and orrery edges say that the scheduler gives no answer; pods have no spec.nodeName",
    ),
    Fault(
        "controller-manager", "reconcile:replicaset", Action.HOLD, "A new Deployment has no pods at all.",
        "the ReplicaSet is there, its pods are not: compare HELD at the edges of who makes them",
        "orrery edges 'reconcile:*': HELD grows at reconcile:replicaset, where keys wait",
    ),
    Fault(
        "controller-manager", "reconcile:endpointslice", Action.HOLD,
        "All pods are Ready, but a new Service answers to nobody.",
        "kubectl get endpointslices: who makes them, and how far did it get?",
        "orrery edges 'reconcile:*': HELD grows at reconcile:endpointslice; the Service has no EndpointSlice",
    ),
    Fault(
        "kube-proxy-{node}", "nft:apply", Action.ERROR, STALE,
        "all EndpointSlices are right, so look at those who turn them into rules, node by node",
        "orrery edges nft:apply: FAILED grows in one kube-proxy; its log says that rules were not applied",
    ),
    Fault(
        "kube-proxy-{node}", "watch:endpointslices", Action.DROP, STALE,
        "all EndpointSlices are right, so ask who has heard of them, node by node",
        "orrery edges watch:endpointslices: DROPPED in one kube-proxy; orrery trace service/orders has no hop there",
    ),
    Fault(
        "kube-proxy-{node}", PROCESS, None, STALE,
        "all EndpointSlices are right, so look at those who turn them into rules: do they all answer?",
        "orrery edges says that one kube-proxy gives no answer",
    ),
    Fault(
        "kubelet-{node}", "watch:pods", Action.DROP, HALF,
        "the pods in question have a node, all the same one: has its kubelet heard of them?",
        "orrery edges watch:pods: DROPPED in one kubelet; those pods have no Events of a kubelet",
    ),
    Fault(
        "kubelet-{node}", WRITE_MANY, Action.ERROR, HALF,
        "on one node, compare what the runtime says (orrery cri NODE ListContainers) with the pods' status",
        "orrery edges '*WriteMany': FAILED in one kubelet; its containers run, the API says they do not",
        kind="pods",
    ),
    Fault(
        "runtime-{node}", f"{_CRI}/RunPodSandbox", Action.ERROR, HALF,
        "kubectl describe pod: which call does the kubelet report as failed, and who serves it?",
        "Events FailedCreatePodSandBox; orrery edges '*RunPodSandbox': FAILED in one runtime",
    ),
    Fault(
        "runtime-{node}", f"{_CRI}/StartContainer", Action.ERROR, HALF,
        "kubectl describe pod: which call does the kubelet report as failed, and who serves it?",
        "Events Failed; orrery edges '*StartContainer': FAILED in one runtime; sandboxes are ready",
    ),
    Fault(
        "dns", PROCESS, None, "Programs that use names of Services cannot find them; addresses work.",
        "who answers for names? Does it answer you?",
        "orrery edges says that dns gives no answer",
    ),
    Fault(
        "scheduler", "schedule:bind", Action.DELAY,
        "New pods take half a minute until something happens. Then all is well.",
        "how much time goes by between which two hops? orrery trace deployment/orders",
        "orrery edges 'schedule:*': DELAYED grows at schedule:bind",
    ),
    Fault(
        "scheduler", "watch:pods", Action.DROP, PENDING,
        "the pods have no node, and nobody says why: has the scheduler heard of them?",
        "orrery edges watch:pods: DROPPED in the scheduler; the pods have no Events at all",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Broken:
    """A fault at its place."""

    fault: Fault
    component: str
    node: str
    """`none` for what runs on none."""

    @property
    def kind(self) -> str:
        return KINDS[self.fault.action]

    def rule(self, number: int, namespace: str) -> Rule | None:
        """As it is set in the component; None where the process is frozen."""
        fault = self.fault
        if fault.action is None:
            return None
        if fault.edge == "nft:apply" or fault.edge.startswith(_CRI):
            namespace = ""  # such a message is not of one namespace
        delay = LATE_SECONDS if fault.action is Action.DELAY else 0.0
        return Rule(fault.edge, fault.action, fault.kind, namespace, id=f"{HIDDEN}{number}", delay_seconds=delay)

    def accepts(self, part: str, given: str) -> bool:
        """Is that the `component`, `node`, `edge` or `kind`? A component may be named without its node, for that is
        asked for by itself; a call without its service."""
        told = given.strip().lower()
        right = {
            "component": {self.component, role(self.component)},
            "node": {self.node},
            "edge": {self.fault.edge.lower(), self.fault.edge.lower().rpartition("/")[2]},
            "kind": {self.kind},
        }
        return told in right[part]

    def names(self, text: str) -> bool:
        """Does the text speak of the component that is broken, and not only of its kind?"""
        return self.component in text


def drawn(seed: int, nodes: Sequence[str], faults: Sequence[Fault] = FAULTS) -> Broken:
    fault = faults[seed % len(faults)]
    if "{node}" not in fault.component:
        return Broken(fault, fault.component, NOWHERE)
    suffering = nodes[:NODES]
    node = suffering[seed // len(faults) % len(suffering)]
    return Broken(fault, fault.component.format(node=node), node)


def revealed(broken: Broken) -> list[str]:
    """The answer, for who gives up."""
    return [
        f"component: {broken.component}",
        f"node:      {broken.node}",
        f"edge:      {broken.fault.edge}",
        f"kind:      {broken.kind}",
        f"to be seen: {broken.fault.shows}",
        f"to be repaired: {repair(broken)}",
    ]


def repair(broken: Broken) -> str:
    """A process that stands still has to go on, any other to begin anew."""
    verb = "thaw" if broken.fault.action is None else "restart"
    return f"orrery {verb} {broken.component}"
