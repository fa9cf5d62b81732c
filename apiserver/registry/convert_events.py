"""Events: core/v1 as stored, events.k8s.io/v1 as newer clients see them. Only names of fields differ."""

from __future__ import annotations

from typing import Final

from apiserver.registry.request import JSON

_NEW_NAMES: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_OLD_NAMES: Final = {new: old for old, new in _NEW_NAMES.items()}


def event_to_new(obj: JSON) -> JSON:
    return {_NEW_NAMES.get(name, name): value for name, value in obj.items()}


def event_from_new(obj: JSON) -> JSON:
    event = {_OLD_NAMES.get(name, name): value for name, value in obj.items()}
    event.setdefault("involvedObject", {})
    event.setdefault("source", {})
    return event
