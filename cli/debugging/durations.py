"""Lengths of time as people type and read them."""

from __future__ import annotations

import re

from cli.errors import UserError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds of `200ms`, `5m`, `1h30m` or a plain number of seconds. Raises UserError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise UserError(f"{text!r} is no duration; write 200ms, 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def show_duration(seconds: float) -> str:
    """At most two units: `12 us`, `340 ms`, `4.2 s`, `5m`, `1h30m`."""
    if seconds < 0:
        return f"-{show_duration(-seconds)}"
    if 0 < seconds < 0.0009995:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds else "0 s"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for large, small, size in (("d", "h", 3600), ("h", "m", 60), ("m", "s", 1)):
        many, few = divmod(whole // size, 24 if large == "d" else 60)
        if many:
            return f"{many}{large}" + (f"{few}{small}" if few else "")
    return f"{whole} s"
