"""The vocabulary of validation: one function per way a field can be wrong, and the checks many kinds share.

All are pure and return a list of `FieldError`, so a kind's `validate` is a sum. Wording and paths are what upstream's
`field.Error` gives, because clients and tests match on them.
"""

# No `from __future__ import annotations` here: the name is that of a check below.
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from apimachinery import names, quantity
from apimachinery.errors import ApiError, FieldError
from apimachinery.selectors import from_json

JSON = dict[str, Any]
Errors = list[FieldError]

IMMUTABLE = "field is immutable"
NON_NEGATIVE = "must be greater than or equal to 0"
ANNOTATIONS_MAX_BYTES = 256 * 1024
INT32_MAX = 2**31 - 1


def required(path: str, detail: str = "") -> FieldError:
    return FieldError("required", path, detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("invalid", path, detail, value)


def not_supported(path: str, value: Any, allowed: Iterable[str]) -> FieldError:
    shown = ", ".join(f'"{one}"' for one in allowed)
    return FieldError("not_supported", path, f"supported values: {shown}", value)


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError("duplicate", path, "", value)


def forbidden(path: str, detail: str) -> FieldError:
    return FieldError("forbidden", path, detail)


def not_found(path: str, value: Any) -> FieldError:
    return FieldError("not_found", path, "", value)


def too_long(path: str, limit: int) -> FieldError:
    return FieldError("too_long", path, f"may not be more than {limit} bytes")


def enum(path: str, value: Any, allowed: Sequence[str], *, needed: bool = True) -> Errors:
    """`value` is one of `allowed`; an empty one is reported as missing if `needed`."""
    if value in (None, ""):
        return [required(path)] if needed else []
    return [] if value in allowed else [not_supported(path, value, allowed)]


def named(path: str, value: str | None, rule: names.NameRule, *, needed: bool = True) -> Errors:
    """`value` obeys a naming rule of `apimachinery.names`."""
    if not value:
        return [required(path)] if needed else []
    return [invalid(path, value, message) for message in rule(value)]


def non_negative(path: str, value: Any) -> Errors:
    return [invalid(path, value, NON_NEGATIVE)] if isinstance(value, int) and value < 0 else []


def in_range(path: str, value: Any, low: int, high: int) -> Errors:
    if isinstance(value, int) and low <= value <= high:
        return []
    return [invalid(path, value, f"must be between {low} and {high}, inclusive")]


def port_number(path: str, value: Any) -> Errors:
    return in_range(path, value, 1, 65535)


def port_name(value: str) -> list[str]:
    """An IANA service name: what a named port may be called."""
    messages: list[str] = []
    if len(value) > 15:
        messages.append("must be no more than 15 characters")
    if not all(c.isdigit() or "a" <= c <= "z" or c == "-" for c in value):
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= c <= "z" for c in value):
        messages.append("must contain at least one letter (a-z)")
    if "--" in value:
        messages.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        messages.append("must not begin or end with a hyphen")
    return messages


def port_or_name(path: str, value: Any) -> Errors:
    """An IntOrString port."""
    if isinstance(value, str):
        return [invalid(path, value, message) for message in port_name(value)]
    return port_number(path, value)


def int_or_percent(path: str, value: Any) -> Errors:
    """A count or a percentage, neither negative."""
    if isinstance(value, str):
        if value[:-1].isdigit() and value.endswith("%"):
            return []
        hint = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', "
        return [invalid(path, value, hint + "regex used for validation is '[0-9]+%')")]
    return non_negative(path, value)


def percent_of(value: Any) -> int | None:
    """The number in `25%`, or None for anything else."""
    return int(value[:-1]) if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit() else None


def at_most_all(path: str, value: Any) -> Errors:
    """A percentage of no more than 100%."""
    percent = percent_of(value)
    return [invalid(path, value, "must not be greater than 100%")] if percent is not None and percent > 100 else []


def amount(path: str, value: Any) -> Errors:
    """A quantity that parses and is not negative."""
    try:
        parsed = quantity.parse(value)
    except ValueError as problem:
        return [invalid(path, value, str(problem))]
    return [invalid(path, value, NON_NEGATIVE)] if parsed < quantity.ZERO else []


def labels(path: str, given: Mapping[str, Any] | None) -> Errors:
    errors: Errors = []
    for key, value in (given or {}).items():
        errors += [invalid(path, key, message) for message in names.qualified_name(key)]
        errors += [invalid(path, value, message) for message in names.label_value(value or "")]
    return errors


def annotations(path: str, given: Mapping[str, Any] | None) -> Errors:
    errors: Errors = []
    size = 0
    for key, value in (given or {}).items():
        errors += [invalid(path, key, message) for message in names.qualified_name(key.lower())]
        size += len(key.encode()) + len((value or "").encode())
    return [*errors, too_long(path, ANNOTATIONS_MAX_BYTES)] if size > ANNOTATIONS_MAX_BYTES else errors


_SELECTOR_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def label_selector(path: str, selector: JSON | None) -> Errors:
    """A `metav1.LabelSelector`."""
    if selector is None:
        return []
    errors = labels(f"{path}.matchLabels", selector.get("matchLabels"))
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        errors += _expression(f"{path}.matchExpressions[{index}]", expression)
    return errors


def _expression(path: str, expression: JSON) -> Errors:
    operator, values = expression.get("operator"), expression.get("values") or []
    errors: Errors = []
    if operator in ("In", "NotIn") and not values:
        errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist") and values:
        errors.append(forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    elif operator not in _SELECTOR_OPERATORS:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    key = expression.get("key") or ""
    errors += [invalid(f"{path}.key", key, message) for message in names.qualified_name(key)]
    for index, value in enumerate(values):
        errors += [invalid(f"{path}.values[{index}]", value, message) for message in names.label_value(value)]
    return errors


def selects(selector: JSON | None, given: Mapping[str, str] | None) -> bool:
    """Whether the selector parses and matches; a broken one is reported by `label_selector`, not here."""
    try:
        return from_json(selector).matches(given)
    except (ApiError, KeyError):
        return False


def empty_selector(selector: JSON | None) -> bool:
    return not (selector and (selector.get("matchLabels") or selector.get("matchExpressions")))


def unchanged(path: str, old: Any, new: Any, detail: str = IMMUTABLE) -> Errors:
    return [] if old == new else [invalid(path, new, detail)]


def no_duplicates(
    path: str, items: Iterable[JSON] | None, key: str, *, rule: names.NameRule | None = None, at: str = ""
) -> Errors:
    """Every item's `key` is there, obeys `rule`, and is unique. Errors point at `path[i].key`, or `path[i]at`."""
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items or ()):
        where = f"{path}[{index}].{at or key}"
        value = item.get(key)
        if rule:
            errors += named(where, value, rule)
        if value and value in seen:
            errors.append(duplicate(where, value))
        seen.add(value or "")
    return errors


def each(path: str, items: Sequence[Any] | None, check: Callable[[str, Any], Errors]) -> Errors:
    """The check applied to every item at `path[i]`."""
    return [error for index, item in enumerate(items or ()) for error in check(f"{path}[{index}]", item)]
