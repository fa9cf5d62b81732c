"""From evidence to findings: a table of what is asked about each kind, and what is asked about all. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cli.why import nodes, pods, services, workloads
from cli.why.evidence import JSON, Evidence, Finding, cited_event, events_of, said

Finder = Callable[[Evidence], Iterator[Finding]]

_WORKLOAD: Final[tuple[Finder, ...]] = (workloads.replicas, workloads.told_conditions)
FINDERS: Final[dict[str, tuple[Finder, ...]]] = {
    "pods": (pods.ended, pods.placement, pods.not_ready, pods.restarted, pods.last_pass),
    "services": (services.endpoints,),
    "nodes": (nodes.health, nodes.closed),
    "deployments": _WORKLOAD,
    "replicasets": _WORKLOAD,
    "statefulsets": _WORKLOAD,
    "daemonsets": _WORKLOAD,
    "jobs": _WORKLOAD,
    "replicationcontrollers": _WORKLOAD,
}


def findings(evidence: Evidence) -> list[Finding]:
    """What is known, the most particular first."""
    found: list[Finding] = []
    if evidence.obj is None:
        found.append(Finding(f"There is no {evidence.ref.shown}" + _where(evidence) + ".", ("the apiserver says 404",)))
    else:
        for finder in FINDERS.get(evidence.ref.gvr.resource, (_warnings,)):
            found += finder(evidence)
    for general in (last_looked, on_the_way, silent, hidden):
        found += general(evidence)
    return list(dict.fromkeys(found))


def _where(evidence: Evidence) -> str:
    return f" in namespace {evidence.ref.namespace}" if evidence.ref.namespace else ""


def _warnings(evidence: Evidence) -> Iterator[Finding]:
    for event in [one for one in events_of(evidence) if one.get("type") == "Warning"][:3]:
        yield Finding(f"{event.get('reason')}: {event.get('message')}", (cited_event(event),))


def last_looked(evidence: Evidence) -> Iterator[Finding]:
    """Which controllers looked at it last, what they decided and what they wait for."""
    found = [one for one in said(evidence, "reconcile") if _concerns(evidence, one.facts)]
    for one in sorted(found, key=lambda one: -one.facts.get("at", 0.0)):
        facts = one.facts
        who = f"{one.component}'s {facts['controller']} controller"
        span = f"span {facts['traceparent'].split('-')[2]}" if facts.get("traceparent") else ""
        if "at" not in facts:
            yield Finding(f"{who} has not looked at it yet: it is {facts['queue']}.", (f"{one.component} queue",))
            continue
        outcome = f"it failed: {facts['error']}" if facts["error"] else _decided(facts)
        text = f"{who} last looked {max(0.0, evidence.now - facts['at']):.1f} s ago; {outcome}"
        text += f"; now it is {facts['queue']}." if facts["queue"] else "; it waits for something to change."
        yield Finding(text, tuple(filter(None, (facts["read"] and f"it read {facts['read']}", span))))


def _decided(facts: JSON) -> str:
    return f"it decided: {facts['decided']}" if facts["decided"] else "it went well"


def _concerns(evidence: Evidence, facts: JSON) -> bool:
    """Keys of different kinds look alike: what was read tells them apart, else the controller's name."""
    if evidence.obj is None:
        return False
    kind, read = evidence.obj.get("kind", ""), facts.get("read", "")
    if read:
        return f"{kind} {evidence.ref.key}" in read
    controller = str(facts["controller"]).replace("-", "")
    return kind.lower() in controller or (kind == "Service" and controller.startswith("endpoint"))


def on_the_way(evidence: Evidence) -> Iterator[Finding]:
    """What is held, and what faults are in force."""
    ref = evidence.ref
    for one in evidence.held:
        about = f"{one.kind} {one.namespace}/{one.name}".replace(" /", " ")
        mine = one.name == ref.name and one.namespace in ("", ref.namespace)
        text = f"{one.component} holds {about} at {one.edge} for {one.seconds:.0f} s"
        text = f"Nothing comes of it: {text}." if mine else f"{text} (another object, perhaps on the way to this one)."
        yield Finding(text, (f"rule {one.rule}", "orrery held"))
    for rule in evidence.rules:
        about = f" for {rule.name}" if rule.name else ""
        text = f"A {rule.action} is in force at {rule.edge} in {rule.component}{about}; it took {rule.taken} messages."
        yield Finding(text, (f"rule {rule.id}",))


def silent(evidence: Evidence) -> Iterator[Finding]:
    for component, why in sorted(evidence.away.items()):
        yield Finding(f"{component} gave no answer: {why}.", (f"process {component}",))


def hidden(evidence: Evidence) -> Iterator[Finding]:
    for one in evidence.hidden:
        yield Finding(f"Beyond what is told here, {one}.")
