"""Leases: who leads, and that a node lives. The busiest writes of a cluster, so little is checked."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, invalid
from apiserver.registry.strategy import Strategy


class LeaseStrategy(Strategy):
    allow_create_on_update = True
    allow_unconditional_update = False

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors: Errors = []
        seconds = spec.get("leaseDurationSeconds")
        if seconds is not None and seconds <= 0:
            errors.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
        transitions = spec.get("leaseTransitions")
        if transitions is not None and transitions < 0:
            errors.append(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
        return errors
