"""Times as the API writes them: RFC 3339, UTC, whole seconds (`Time`) or microseconds (`MicroTime`)."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(unix_seconds: float) -> str:
    """`2026-11-20T10:38:58Z`."""
    return datetime.fromtimestamp(int(unix_seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(unix_seconds: float) -> str:
    """`2026-11-20T10:38:58.123456Z`, as leases and events need."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """Unix seconds of an RFC 3339 time of either kind. Raises ValueError if it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
