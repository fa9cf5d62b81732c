"""What an implementation said of an object: Events about it, and conditions that are not as they should be. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cli.compare.limits import REASONS
from cli.compare.model import JSON, Key, Write

_FINE = frozenset({"Scheduled", "ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete"})


def reasons(key: Key, writes: Iterable[Write]) -> tuple[str, ...]:
    """In the order in which they were first said, each once. Writes of ours say nothing."""
    found: dict[str, str] = {}  # reasons by message: an Event and a condition often say the same, in any order
    for one in writes:
        if one.ours or one.tree is None:
            continue
        texts = _event(key, one.tree) if one.key.resource == "events" else _conditions(one.tree) * (one.key == key)
        for reason, message in texts:
            found[message] = min(found.get(message, reason), reason)
    return tuple(f"{reason}: {message}" for message, reason in found.items())[-REASONS:]


def _event(key: Key, event: JSON) -> list[tuple[str, str]]:
    about = event.get("involvedObject") or event.get("regarding") or {}
    if (about.get("namespace") or "", about.get("name")) != (key.namespace, key.name):
        return []
    text, reason = event.get("message") or event.get("note") or "", event.get("reason", "")
    return [] if reason in _FINE else [(str(reason), str(text))]


def _conditions(obj: JSON) -> list[tuple[str, str]]:
    found = (obj.get("status") or {}).get("conditions") or []
    bad = [one for one in found if (one.get("type"), one.get("status")) in _BAD and one.get("message")]
    return [(str(one.get("reason")), str(one["message"])) for one in bad]


_BAD = frozenset({("PodScheduled", "False"), ("ReplicaFailure", "True"), ("Failed", "True"), ("Progressing", "False")})
