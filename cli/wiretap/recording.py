"""Recordings: one JSON object per line, with the fields of `WireMessage`; bodies are JSON within it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cli.errors import UserError
from proto.debug_pb2 import WireMessage

FORMAT: Final = "orrery-wire-1"
_BODIES: Final = ("request", "response", "before")


def header(cluster: str) -> str:
    return json.dumps({"format": FORMAT, "cluster": cluster})


def to_line(message: WireMessage) -> str:
    fields = {field.name: value for field, value in message.ListFields()}
    return json.dumps({name: _tree(value) if name in _BODIES else value for name, value in fields.items()})


def from_line(text: str) -> WireMessage:
    """Raises ValueError for what is no message."""
    fields: dict[str, Any] = json.loads(text)
    for name in _BODIES:
        if name in fields:
            fields[name] = json.dumps(fields[name]).encode()
    try:
        return WireMessage(**fields)
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def read(path: Path) -> Iterator[WireMessage]:
    """Raises UserError. A last line that is torn (its writer was killed) is left out."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not lines or FORMAT not in lines[0]:
        raise UserError(f"{path} is no recording; orrery wire --record {path} makes one")
    for number, text in enumerate(lines[1:], 2):
        try:
            yield from_line(text)
        except ValueError as error:
            if number == len(lines):
                return
            raise UserError(f"{path}, line {number}: {error}") from None


def _tree(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
