"""Label selectors: the query form (`app=web,tier in (a,b),!old`) and the JSON form (`metav1.LabelSelector`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from apimachinery import names
from apimachinery.errors import bad_request

CACHED_SELECTORS: Final = 1024
"""Parsed texts remembered; clients repeat a handful."""


class Requirement(NamedTuple):
    """One condition. `op` is one of `=`, `!=`, `in`, `notin`, `exists`, `!`, `gt`, `lt`."""

    key: str
    op: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.op in ("=", "in"):
            return value is not None and value in self.values
        if self.op in ("!=", "notin"):
            return value is None or value not in self.values
        if self.op == "exists":
            return value is not None
        if self.op == "!":
            return value is None
        return _compare(value, self.op, next(iter(self.values)))

    def __str__(self) -> str:
        if self.op == "exists":
            return self.key
        if self.op == "!":
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.op in ("in", "notin"):
            return f"{self.key} {self.op} ({values})"
        return f"{self.key}{_SIGNS.get(self.op, self.op)}{values}"


_SIGNS: Final = {"gt": ">", "lt": "<"}
_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch


def _compare(value: str | None, op: str, bound: str) -> bool:
    if value is None or not _INTEGER(value):
        return False
    return int(value) > int(bound) if op == "gt" else int(value) < int(bound)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All of its requirements must hold. Without any it selects everything, unless it is `NOTHING`."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    @property
    def everything(self) -> bool:
        return not self.requirements and not self.nothing

    @property
    def exact(self) -> dict[str, str]:
        """Labels that every match must have with just one value: what an index can be asked for."""
        return {r.key: next(iter(r.values)) for r in self.requirements if r.op in ("=", "in") and len(r.values) == 1}

    def __str__(self) -> str:
        """The query form, as in `scale.status.selector`."""
        return ",".join(map(str, self.requirements))


EVERYTHING: Final = LabelSelector()
NOTHING: Final = LabelSelector(nothing=True)

# --- the JSON form ---------------------------------------------------------------------------------------------------

_JSON_OPERATORS: Final = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


def from_json(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A `metav1.LabelSelector`: None selects nothing, an empty one everything. Raises ApiError 400."""
    if selector is None:
        return NOTHING
    return from_match(selector.get("matchLabels"), selector.get("matchExpressions"))


def from_match(
    match_labels: Mapping[str, str] | None, match_expressions: Iterable[Mapping[str, Any] | Any] | None = None
) -> LabelSelector:
    """From its two parts. An expression is a JSON object or anything with `key`, `operator` and `values`."""
    found = [Requirement(key, "=", frozenset((value,))) for key, value in (match_labels or {}).items()]
    found += [_expression(expression) for expression in match_expressions or ()]
    return LabelSelector(tuple(sorted(found, key=lambda requirement: requirement.key)))


def from_labels(labels: Mapping[str, str] | None) -> LabelSelector:
    """A plain map, as in `service.spec.selector`: an empty one selects nothing there."""
    return from_match(labels) if labels else NOTHING


def _expression(expression: Any) -> Requirement:
    if isinstance(expression, Mapping):
        key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    else:
        key, operator, values = expression.key, expression.operator, expression.values or ()
    op = _JSON_OPERATORS.get(operator)
    if op is None:
        raise bad_request(f'"{operator}" is not a valid label selector operator')
    return _checked(Requirement(key, op, frozenset(values)))


# --- the query form --------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(==|!=|=|!|>|<|\(|\)|,|[^\s=!<>(),]+)")
_SYMBOLS: Final = frozenset(("==", "!=", "=", "!", ">", "<", "(", ")", ","))
_OPERATORS: Final = {"=": "=", "==": "=", "!=": "!=", ">": "gt", "<": "lt", "in": "in", "notin": "notin"}
_EXPECTED: Final = "in, notin, =, ==, !=, gt, lt"


class _SyntaxProblem(Exception):
    pass


def parse_label_selector(text: str) -> LabelSelector:
    """Raises ApiError 400 in upstream's words."""
    return _parse(text) if text else EVERYTHING


@lru_cache(CACHED_SELECTORS)
def _parse(text: str) -> LabelSelector:
    parser = _Parser(text)
    try:
        found = parser.requirements()
    except _SyntaxProblem as problem:
        raise bad_request(str(problem)) from None
    return LabelSelector(tuple(sorted(found, key=lambda requirement: requirement.key)))


class _Parser:
    """Recursive descent over the tokens; an empty token is the end."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(text)]
        self._position = 0

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._peek():
            if self._peek() in _SYMBOLS - {"!"}:
                raise _SyntaxProblem(f"found '{self._peek()}', expected: !, identifier, or 'end of string'")
            found.append(self._one())
            token = self._next()
            if not token:
                break
            if token != ",":
                raise _SyntaxProblem(f"found '{token}', expected: ',' or 'end of string'")
            if not self._peek() or self._peek() in _SYMBOLS - {"!"}:
                raise _SyntaxProblem(f"found '{self._peek()}', expected: identifier after ','")
        return found

    def _one(self) -> Requirement:
        try:
            return _checked(self._requirement())
        except _SyntaxProblem as problem:
            raise _SyntaxProblem(f"unable to parse requirement: {problem}") from None

    def _requirement(self) -> Requirement:
        absent = self._peek() == "!"
        if absent:
            self._next()
        key = self._identifier()
        if absent or self._peek() in ("", ","):
            return Requirement(key, "!" if absent else "exists")
        token = self._next()
        op = _OPERATORS.get(token)
        if op is None:
            raise _SyntaxProblem(f"found '{token}', expected: {_EXPECTED}")
        values = self._values() if op in ("in", "notin") else frozenset((self._exact_value(),))
        return Requirement(key, op, values)

    def _identifier(self) -> str:
        token = self._next()
        if not token or token in _SYMBOLS:
            raise _SyntaxProblem(f"found '{token}', expected: identifier")
        return token

    def _exact_value(self) -> str:
        return "" if self._peek() in ("", ",") else self._identifier()

    def _values(self) -> frozenset[str]:
        """`(a,b)`; a missing element is the empty value, as in `(,a)` and `()`."""
        if (token := self._next()) != "(":
            raise _SyntaxProblem(f"found '{token}' expected: '('")
        values: set[str] = set()
        while True:
            values.add("" if self._peek() in (",", ")") else self._identifier())
            token = self._next()
            if token == ")":
                return frozenset(values)
            if token != ",":
                raise _SyntaxProblem(f"found '{token}', expected: ',' or ')'")


def _checked(requirement: Requirement) -> Requirement:
    """The requirement, if its key and values are what labels may be. Raises ApiError 400 otherwise."""
    key, op, values = requirement
    problems = [f'key: Invalid value: "{key}": {message}' for message in names.qualified_name(key)]
    if op in ("in", "notin") and not values:
        problems.append("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    if op in ("exists", "!") and values:
        problems.append("values: Invalid value: values set must be empty for exists and does not exist")
    if op in ("gt", "lt") and not (len(values) == 1 and _INTEGER(next(iter(values)))):
        problems.append("values[0]: Invalid value: for 'Gt', 'Lt' operators, the value must be an integer")
    for index, value in enumerate(sorted(values)):
        problems += [f'values[{index}][{key}]: Invalid value: "{value}": {text}' for text in names.label_value(value)]
    if problems:
        text = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
        raise bad_request(f"unable to parse requirement: {text}")
    return requirement
