"""Flow schemas and priority levels. They are kept; what they say about queues is the server's affair."""

from __future__ import annotations

from typing import Final

from apiserver.registry.checks import JSON, Errors, enum, in_range, required
from apiserver.registry.strategy import Context, Strategy

PRECEDENCE: Final = 1000
_QUEUING: Final = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}


class FlowSchemaStrategy(Strategy):
    tracks_generation = True
    allow_unconditional_update = False

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        if not spec.get("matchingPrecedence"):
            spec["matchingPrecedence"] = PRECEDENCE

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = in_range("spec.matchingPrecedence", spec.get("matchingPrecedence"), 1, 10000)
        if not (spec.get("priorityLevelConfiguration") or {}).get("name"):
            errors.append(required("spec.priorityLevelConfiguration.name", "must reference a priority level"))
        return errors


class PriorityLevelStrategy(Strategy):
    tracks_generation = True
    allow_unconditional_update = False

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for kind, shares in (("limited", 30), ("exempt", 0)):
            level = spec.get(kind)
            if level is None:
                continue
            for key, value in (("nominalConcurrencyShares", shares), ("lendablePercent", 0)):
                if level.get(key) is None:
                    level[key] = value
            queuing = (level.get("limitResponse") or {}).get("queuing")
            if queuing is not None:
                for key, value in _QUEUING.items():
                    if not queuing.get(key):
                        queuing[key] = value

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = enum("spec.type", spec.get("type"), ("Exempt", "Limited"))
        if spec.get("type") == "Limited" and spec.get("limited") is None:
            errors.append(required("spec.limited", "must not be empty when type is Limited"))
        return errors
