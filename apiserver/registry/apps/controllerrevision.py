"""ControllerRevisions: a template as it once was. Their data never changes."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, non_negative, unchanged
from apiserver.registry.strategy import Strategy


class ControllerRevisionStrategy(Strategy):
    def validate(self, obj: JSON) -> Errors:
        return non_negative("revision", obj.get("revision", 0))

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("data", old.get("data"), new.get("data"))
