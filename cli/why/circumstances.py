"""Findings about what is around an object: who looked at it, what is held, who is away, how time goes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cli.debugging.durations import show_duration
from cli.debugging.numbers import counted
from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    HeldMessage,
    RuleInForce,
    own_held,
    replaced_by,
    said,
)

OWN_HELD_TOLD: Final = 10
OTHERS_TOLD: Final = 3  # messages held that concern other things
DETAIL_CHARS: Final = 120  # of what a held message is about
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
    own = own_held(evidence)
    others = [one for one in evidence.held if one not in own]
    for one in own[:OWN_HELD_TOLD]:
        yield Finding(f"Nothing comes of it: {_held(one)}.", (f"rule {one.rule}", "orrery held"))
    for one in others[:OTHERS_TOLD]:
        text = f"{_held(one)} (another object, perhaps on the way to this one)."
        yield Finding(text, (f"rule {one.rule}", "orrery held"))
    more = max(0, len(own) - OWN_HELD_TOLD) + max(0, len(others) - OTHERS_TOLD)
    if more:
        are = "message is" if more == 1 else "messages are"
        yield Finding(f"And {more} more {are} held.", ("orrery held",))
    yield from _rules(evidence)


def _held(one: HeldMessage) -> str:
    about = f"{one.kind} {one.namespace}/{one.name}".replace(" /", " ")
    detail = f": {one.detail[:DETAIL_CHARS]}" if one.detail else ""
    return f"{one.component} holds {about} at {one.edge} for {one.seconds:.0f} s{detail}"


def _rules(evidence: Evidence) -> Iterator[Finding]:
    """One line for each rule, however many components have it; those that took something first."""
    by_id: dict[str, list[RuleInForce]] = {}
    for rule in evidence.rules:
        by_id.setdefault(rule.id, []).append(rule)
    ranked = sorted(by_id.values(), key=lambda rules: (-sum(one.taken for one in rules), rules[0].id))
    for rules in ranked[:RULES_TOLD]:
        yield Finding(_in_force(rules), (f"rule {rules[0].id}",))
    if len(ranked) > RULES_TOLD:
        yield Finding(f"And {counted(len(ranked) - RULES_TOLD, 'more rule')}.", ("orrery fault list",))


def _in_force(rules: list[RuleInForce]) -> str:
    """Each component counts for itself: a rule may be used up in one and in force in the next."""
    first, spent = rules[0], [one for one in rules if one.used_up]
    took = f"it took {counted(sum(one.taken for one in rules), 'message')}"
    about = f" for {first.name}" if first.name else ""
    if len(spent) == len(rules):
        return f"A {first.action} at {first.edge} in {_where(rules)}{about} is used up: {took}, and takes no more."
    left = [one for one in rules if not one.used_up]
    text = f"A {first.action} is in force at {first.edge} in {_where(left)}{about}; {took}"
    return f"{text}, and is used up in {_where(spent)}." if spent else f"{text}."


def _where(rules: list[RuleInForce]) -> str:
    """Where it took something; else all who have it."""
    names = [one.component for one in rules if one.taken] or [one.component for one in rules]
    return ", ".join(names) if len(names) <= COMPONENTS_TOLD else f"{len(names)} components"


def silent(evidence: Evidence) -> Iterator[Finding]:
    """Who gives no answer, and what is not done meanwhile."""
    for component, why in sorted(evidence.away.items()):
        if stranger := replaced_by(evidence, component):
            text = f"{component} is {stranger}, which tells nothing of what it decides."
            yield Finding(text, (f"process {component}", "orrery status"))
            continue
        role = next((one for one in _WITHOUT if component == one or component.startswith(f"{one}-")), "")
        without = f"; {_WITHOUT[role]}" if role else ""
        yield Finding(f"{component} gave no answer: {why}{without}.", (f"process {component}",))
    for component, note in sorted(evidence.notes.items()):
        if replaced_by(evidence, component):
            continue
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
