"""What a process said before it died, as short as it can be told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

LINES = 12
READ_BYTES = 64 * 1024
_DEADLY = ("panic", "fatal")


def last_words(log: Path) -> str:
    """etcd's own sentence if it left one, else the log's last lines."""
    if not log.exists():
        return "(there is none)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - READ_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return _deadly_record(lines) or "\n".join(lines[-LINES:])


def _deadly_record(lines: Iterable[str]) -> str:
    """The last structured record that tells of an end: its message and error. The stack after it helps nobody."""
    found = ""
    for line in lines:
        record = _record(line)
        if record.get("level") in _DEADLY:
            found = ": ".join(str(record[key]) for key in ("msg", "error") if record.get(key))
    return found


def _record(line: str) -> dict[str, object]:
    try:
        record = json.loads(line) if line.startswith("{") else {}
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
