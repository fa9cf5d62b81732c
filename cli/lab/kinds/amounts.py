"""Numbers between `min` (1 if nothing is said) and `max`."""

from __future__ import annotations

from typing import Any


def outside(found: int, facts: dict[str, Any], what: str) -> str:
    """In which way a number is not as it should be; "" if it is."""
    least, most = facts.get("min", 0 if "max" in facts else 1), facts.get("max")
    if found < least:
        return f"{found} {what}, where at least {least} should be"
    if most is not None and found > most:
        return f"{found} {what}, where at most {most} should be"
    return ""
