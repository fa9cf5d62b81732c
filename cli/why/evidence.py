"""What `why` goes by: plain data, gathered once, so that findings are a pure function of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from apimachinery.timestamps import parse_time
from cli.debugging.durations import show_duration
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
    number: int = 0
    detail: str = ""

    @property
    def id(self) -> str:
        return f"{self.component}:{self.number}"


@dataclass(frozen=True)
class RuleInForce:
    """A hold or a fault. `count` is how many messages it takes, 0 without end."""

    component: str
    edge: str
    action: str
    id: str
    name: str = ""
    taken: int = 0
    count: int = 0

    @property
    def used_up(self) -> bool:
        return 0 < self.count <= self.taken


@dataclass(frozen=True)
class Left:
    """A key of etcd in a namespace that is to be empty. `finalizers` are known of some only."""

    key: str
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """From the history of an object's key."""

    marked: int = 0
    """The revision that set its deletionTimestamp, 0 if there is none in etcd's history."""
    asked_by: str = ""
    """Who wanted it deleted, "" if nobody remembers."""
    gone: int = 0
    """The revision at which it was removed."""
    trace: str = ""
    """Of whichever is the newest of the two, "" if nobody remembers."""
    last: JSON | None = None
    """The state before it was removed."""


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
    rate: float = 1.0
    """Of the cluster's clock; 0 is paused."""
    notes: dict[str, str] = field(default_factory=dict)
    """What is not as usual with a component: swapped, under development, at a breakpoint."""
    related: dict[str, list[JSON]] = field(default_factory=dict)
    """Other objects, by resource: a node's lease, a pod's claims, a claim's volumes and classes, a CronJob's Jobs."""
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The last lines that a container's last run wrote, by container."""
    left: list[Left] = field(default_factory=list)
    """Of a namespace that is being deleted: what is still in it."""
    past: Past | None = None
    """Of an object that is gone or going: what etcd remembers of it."""


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
    return sorted(found, key=event_time, reverse=True)


def event_time(event: JSON) -> str:
    """When it was seen last, as an API timestamp; "" if it does not say."""
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")


def older(event: JSON, timestamp: str | None) -> bool:
    """Is it from before that time, or as old? Not if either is unknown."""
    at = event_time(event)
    return bool(at and timestamp) and parse_time(at) <= parse_time(str(timestamp))


def ready_since(obj: JSON) -> str:
    """Since when a pod or node is Ready, "" if it is not."""
    ready = condition(obj, "Ready")
    return str(ready.get("lastTransitionTime") or "") if ready.get("status") == "True" else ""


def cited_event(evidence: Evidence, event: JSON) -> str:
    count = event.get("count") or 1
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
    about = ", ".join(filter(None, (f"{count}x", source, event_age(evidence, event))))
    return f"event {event['metadata']['name']}: {event.get('reason')} ({about})"


def event_age(evidence: Evidence, event: JSON) -> str:
    """`2m ago`, "" if it does not say when."""
    at = event_time(event)
    return ago(evidence, parse_time(at)).strip() if at else ""


def told_event(evidence: Evidence, event: JSON, text: str = "") -> Finding:
    """It as a finding, with its age; `text` instead of its reason."""
    when = event_age(evidence, event)
    about = f"{text or event.get('reason')}{f' ({when})' if when else ''}"
    return Finding(f"{about}: {event.get('message')}", (cited_event(evidence, event),))


def own_held(evidence: Evidence) -> list[HeldMessage]:
    """Messages held that are about the object."""
    name, namespaces = evidence.ref.name, ("", evidence.ref.namespace)
    return [one for one in evidence.held if one.name == name and one.namespace in namespaces]


def replaced_by(evidence: Evidence, component: str) -> str:
    """`replaced by PROGRAM (way back)` of a stranger that runs in a component's place and cannot be asked; else ""."""
    note = evidence.notes.get(component, "")
    absent = evidence.away.get(component) in (None, "down", "frozen")
    return note if note.startswith("replaced by ") and not absent else ""


def are(number: int) -> str:
    return "is" if number == 1 else "are"


def said(evidence: Evidence, topic: str) -> list[Said]:
    return [one for one in evidence.said if one.topic == topic]


def ago(evidence: Evidence, at: float) -> str:
    """` 4.2 s ago`, "" for a time that is not known."""
    return f" {show_duration(max(0.0, evidence.now - at))} ago" if at else ""


def age(evidence: Evidence, timestamp: str | None) -> float | None:
    """Seconds of cluster time since an API timestamp."""
    return evidence.now - parse_time(timestamp) if timestamp else None


def container_statuses(pod: JSON) -> Iterable[JSON]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []
