"""Findings about what is around an object: who looked at it, what is held, who is away, how time goes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cli.debugging.durations import show_duration
from cli.why.evidence import JSON, Evidence, Finding, HeldMessage, RuleInForce, said

OWN_HELD_TOLD: Final = 10
OTHERS_TOLD: Final = 3  # messages held that concern other things
RULES_TOLD: Final = 10
COMPONENTS_TOLD: Final = 3  # of those that have a rule
_WITHOUT: Final = {
    "apiserver": "no request is answered",
    "scheduler": "no pod gets a node",
    "controller-manager": "no controller acts",
    "kubelet": "nobody works on the pods of its node",
    "runtime": "no container of its node is started or stopped",
    "kube-proxy": "its node keeps the Service rules that it has",
    "dns": "no name is resolved",
}


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
        text = f"{who} last looked {show_duration(max(0.0, evidence.now - facts['at']))} ago; {outcome}"
        text += f"; now it is {_place(facts['queue'])}." if facts["queue"] else "; it waits for something to change."
        yield Finding(text, tuple(filter(None, (facts["read"] and f"it read {facts['read']}", span))))


def _decided(facts: JSON) -> str:
    return f"it decided: {facts['decided']}" if facts["decided"] else "it went well"


def _place(queue: str) -> str:
    """`to be looked at again in 597.0 s`, readable."""
    return re.sub(r"([\d.]+) s$", lambda found: show_duration(float(found[1])), queue)


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
    """What is held, and what faults are in force: this object's first."""
    own = [one for one in evidence.held if _is_own(evidence, one)]
    others = [one for one in evidence.held if not _is_own(evidence, one)]
    for one in own[:OWN_HELD_TOLD]:
        yield Finding(f"Nothing comes of it: {_held(one)}.", (f"rule {one.rule}", "orrery held"))
    for one in others[:OTHERS_TOLD]:
        text = f"{_held(one)} (another object, perhaps on the way to this one)."
        yield Finding(text, (f"rule {one.rule}", "orrery held"))
    more = max(0, len(own) - OWN_HELD_TOLD) + max(0, len(others) - OTHERS_TOLD)
    if more:
        yield Finding(f"And {more} more messages are held.", ("orrery held",))
    yield from _rules(evidence)


def _is_own(evidence: Evidence, one: HeldMessage) -> bool:
    return one.name == evidence.ref.name and one.namespace in ("", evidence.ref.namespace)


def _held(one: HeldMessage) -> str:
    about = f"{one.kind} {one.namespace}/{one.name}".replace(" /", " ")
    return f"{one.component} holds {about} at {one.edge} for {one.seconds:.0f} s"


def _rules(evidence: Evidence) -> Iterator[Finding]:
    """One line for each rule, however many components have it; those that took something first."""
    by_id: dict[str, list[RuleInForce]] = {}
    for rule in evidence.rules:
        by_id.setdefault(rule.id, []).append(rule)
    ranked = sorted(by_id.values(), key=lambda rules: (-sum(one.taken for one in rules), rules[0].id))
    for rules in ranked[:RULES_TOLD]:
        first, taken = rules[0], sum(one.taken for one in rules)
        about = f" for {first.name}" if first.name else ""
        text = f"A {first.action} is in force at {first.edge} in {_where(rules)}{about}; it took {taken} messages."
        yield Finding(text, (f"rule {first.id}",))
    if len(ranked) > RULES_TOLD:
        yield Finding(f"And {len(ranked) - RULES_TOLD} more rules are in force.", ("orrery fault list",))


def _where(rules: list[RuleInForce]) -> str:
    """Where it took something; else all who have it."""
    names = [one.component for one in rules if one.taken] or [one.component for one in rules]
    return ", ".join(names) if len(names) <= COMPONENTS_TOLD else f"{len(names)} components"


def silent(evidence: Evidence) -> Iterator[Finding]:
    """Who gives no answer, and what is not done meanwhile."""
    for component, why in sorted(evidence.away.items()):
        role = next((one for one in _WITHOUT if component == one or component.startswith(f"{one}-")), "")
        without = f"; {_WITHOUT[role]}" if role else ""
        yield Finding(f"{component} gave no answer: {why}{without}.", (f"process {component}",))
    for component, note in sorted(evidence.notes.items()):
        yield Finding(f"{component} is not as usual: {note}.", ("orrery status",))


def time_stands(evidence: Evidence) -> Iterator[Finding]:
    """A paused clock explains much that does not happen."""
    if evidence.rate == 0:
        text = "The cluster's clock stands: what waits for time (probes, back-offs, grace periods, leases, schedules) "
        yield Finding(
            f"{text}waits until orrery clock resume, or is stepped to with orrery clock step.", ("orrery clock",)
        )


def hidden(evidence: Evidence) -> Iterator[Finding]:
    for one in evidence.hidden:
        yield Finding(f"Beyond what is told here, {one}.")
