"""RuntimeClasses: which runtime runs a pod, and what it costs."""

from __future__ import annotations

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, amount, labels, named, unchanged
from apiserver.registry.strategy import Strategy


class RuntimeClassStrategy(Strategy):
    def validate(self, obj: JSON) -> Errors:
        errors = named("handler", obj.get("handler"), names.dns1123_label)
        for name, value in ((obj.get("overhead") or {}).get("podFixed") or {}).items():
            errors += amount(f"overhead.podFixed[{name}]", value)
        return errors + labels("scheduling.nodeSelector", (obj.get("scheduling") or {}).get("nodeSelector"))

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("handler", old.get("handler"), new.get("handler"))
