"""Durations as Go prints them, because clients and people read them in messages: `1m20s`, `350ms`, `1.5s`."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Go's `time.Duration.String`, to the millisecond."""
    millis = round(seconds * 1000)
    if millis == 0:
        return "0s"
    if abs(millis) < 1000:
        return f"{millis}ms"
    sign, millis = ("-", -millis) if millis < 0 else ("", millis)
    whole, rest = divmod(millis, 60_000)
    hours, minutes = divmod(whole, 60)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text
