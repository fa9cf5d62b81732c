"""Field selectors: `metadata.name=web,status.phase!=Running`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from apimachinery.errors import bad_request


class FieldRequirement(NamedTuple):
    path: str
    op: str
    """`=` or `!=`."""
    value: str


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All of its requirements must hold. Without any it selects everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, get: Callable[[str], str]) -> bool:
        """`get` gives the text of a field by its path, empty where there is none."""
        return all((get(path) == value) == (op == "=") for path, op, value in self.requirements)

    def exact(self, path: str) -> str | None:
        """The value the selector insists on for `path`, if it does."""
        return next((r.value for r in self.requirements if r.path == path and r.op == "="), None)

    def __str__(self) -> str:
        return ",".join(f"{path}{op}{_escape(value)}" for path, op, value in self.requirements)


EVERYTHING = FieldSelector()

_UNESCAPED_COMMA = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)
_OPERATOR = re.compile(r"(?P<path>(?:[^\\=!]|\\.|!(?!=))*?)(?P<op>!=|==|=)(?P<value>.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


def parse_field_selector(text: str) -> FieldSelector:
    """Raises ApiError 400 for what is no field selector."""
    if not text:
        return EVERYTHING
    return FieldSelector(tuple(_requirement(term, text) for term in _terms(text) if term))


def _terms(text: str) -> list[str]:
    return [match[1] for match in _UNESCAPED_COMMA.finditer(text)]


def _requirement(term: str, whole: str) -> FieldRequirement:
    match = _OPERATOR.fullmatch(term)
    if not match:
        raise bad_request(f"invalid selector: '{whole}'; can't understand '{term}'")
    op = "!=" if match["op"] == "!=" else "="
    return FieldRequirement(match["path"], op, _unescape(match["value"]))


def _unescape(value: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] and match[1] in "\\,=":
            return match[1]
        raise bad_request(f"invalid field selector: invalid escape sequence: {match[0]}")

    if re.search(r"(?<!\\)(?:\\\\)*=", value):
        raise bad_request("invalid field selector: unescaped character in value: '='")
    return _ESCAPE.sub(one, value)


def _escape(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)
