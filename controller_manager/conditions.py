"""Status conditions of workloads: setting one keeps what did not change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from api.meta import Condition

JSON = dict[str, Any]


def set_condition(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """With `new`; the time of transition stays if its status did, and all of it if its reason did too."""
    present = tuple(conditions)
    old = next((one for one in present if one.type == new.type), None)
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return present
    if old is not None and old.status == new.status:
        new = msgspec.structs.replace(new, last_transition_time=old.last_transition_time)
    return (*remove_condition(present, new.type), new)


def remove_condition(conditions: Iterable[Condition], type_: str) -> tuple[Condition, ...]:
    return tuple(one for one in conditions if one.type != type_)


def status_patch(old: msgspec.Struct, new: msgspec.Struct) -> JSON:
    """A merge patch of the status, with only what differs; empty if nothing does. Fields at their default vanish."""
    patch = _difference(msgspec.to_builtins(old), msgspec.to_builtins(new))
    return {"status": patch} if patch else {}


def _difference(before: JSON, after: JSON) -> JSON:
    patch: JSON = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        present = before.get(name)
        if present == value:
            continue
        patch[name] = _difference(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return patch
