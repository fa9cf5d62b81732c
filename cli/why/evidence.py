"""What `why` goes by: plain data, gathered once, so that findings are a pure function of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cli.objects import Ref

JSON = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a component said of the object when asked: a topic (`reconcile`, `decision`, `sync`, ...) and facts."""

    component: str
    topic: str
    facts: JSON


@dataclass(frozen=True)
class HeldMessage:
    """A message about an object that waits at a gate."""

    component: str
    edge: str
    kind: str
    namespace: str
    name: str
    rule: str
    seconds: float


@dataclass(frozen=True)
class RuleInForce:
    """A hold or a fault."""

    component: str
    edge: str
    action: str
    id: str
    name: str = ""
    taken: int = 0


@dataclass(frozen=True)
class Evidence:
    """`obj` is None if there is no such object. `now` is cluster time."""

    ref: Ref
    obj: JSON | None
    now: float
    events: list[JSON] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    pods: list[JSON] = field(default_factory=list)
    """Of the object's namespace (of a node: those on it)."""
    nodes: list[JSON] = field(default_factory=list)
    slices: list[JSON] = field(default_factory=list)
    """EndpointSlices of a Service."""
    sets: list[JSON] = field(default_factory=list)
    """ReplicaSets of the namespace."""
    held: list[HeldMessage] = field(default_factory=list)
    rules: list[RuleInForce] = field(default_factory=list)
    away: dict[str, str] = field(default_factory=dict)
    """Components that gave no answer, and why."""
    hidden: list[str] = field(default_factory=list)
    """How much a lab keeps to itself."""


@dataclass(frozen=True)
class Finding:
    """An answer and what it rests on. `details` are lines of a table under it."""

    text: str
    evidence: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def version(obj: JSON) -> str:
    """`pod/web-1@123`: which object, in which state."""
    metadata = obj.get("metadata", {})
    kind = str(obj.get("kind", "object")).lower()
    return f"{kind}/{metadata.get('name', '')}@{metadata.get('resourceVersion', '?')}"


def condition(obj: JSON, kind: str) -> JSON:
    """The status condition of that type; {} if there is none."""
    for one in obj.get("status", {}).get("conditions") or []:
        if one.get("type") == kind:
            found: JSON = one
            return found
    return {}


def cited(obj: JSON, kind: str) -> str:
    return f"{version(obj)} condition {kind}={condition(obj, kind).get('status', 'absent')}"


def events_of(evidence: Evidence, *reasons: str) -> list[JSON]:
    """Newest first; all if no reason is given."""
    found = [one for one in evidence.events if not reasons or one.get("reason") in reasons]
    return sorted(found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""), reverse=True)


def cited_event(event: JSON) -> str:
    count = event.get("count") or 1
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
    return f"event {event['metadata']['name']}: {event.get('reason')} ({count}x, {source})"


def said(evidence: Evidence, topic: str) -> list[Said]:
    return [one for one in evidence.said if one.topic == topic]


def container_statuses(pod: JSON) -> Iterable[JSON]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []
