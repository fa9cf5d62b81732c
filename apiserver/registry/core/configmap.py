"""ConfigMaps, and what they share with Secrets: keys that become file names, a total size, `immutable`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, forbidden, invalid, too_long
from apiserver.registry.strategy import Strategy

SIZE_MAX_BYTES = 1024 * 1024
FROZEN = "field is immutable when `immutable` is set"


def validate_keys(path: str, data: Mapping[str, Any] | None) -> Errors:
    return [invalid(f"{path}[{key}]", key, message) for key in data or () for message in names.config_key(key)]


def validate_frozen(old: JSON, new: JSON, fields: tuple[str, ...]) -> Errors:
    """Once `immutable` is true, it and the data stay."""
    if not old.get("immutable"):
        return []
    errors = [] if new.get("immutable") else [forbidden("immutable", FROZEN)]
    changed = [field for field in fields if (old.get(field) or {}) != (new.get(field) or {})]
    return errors + [forbidden(field, FROZEN) for field in changed]


class ConfigMapStrategy(Strategy):
    def validate(self, obj: JSON) -> Errors:
        data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
        errors = validate_keys("data", data) + validate_keys("binaryData", binary)
        for key in data:
            if key in binary:
                errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size = sum(len((value or "").encode()) for value in data.values())
        size += sum(len(value or "") * 3 // 4 for value in binary.values())
        return [*errors, too_long("", SIZE_MAX_BYTES)] if size > SIZE_MAX_BYTES else errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_frozen(old, new, ("data", "binaryData")) + self.validate(new)
