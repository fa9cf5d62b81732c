"""Core kinds with few rules: limit ranges, pod templates."""

from __future__ import annotations

from apimachinery import quantity
from apiserver.registry.checks import JSON, Errors, amount, duplicate, invalid
from apiserver.registry.core.canonical import canonicalize
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.pod_validation import validate_template
from apiserver.registry.strategy import Strategy


class PodTemplateStrategy(Strategy):
    tracks_generation = True
    allow_create_on_update = True

    def defaults(self, obj: JSON) -> None:
        default_template(obj.get("template"))

    def validate(self, obj: JSON) -> Errors:
        return validate_template("template", obj.get("template"))


class LimitRangeStrategy(Strategy):
    allow_create_on_update = True

    def defaults(self, obj: JSON) -> None:
        for limit in (obj.get("spec") or {}).get("limits") or ():
            canonicalize(limit, *_AMOUNTS)
            if limit.get("type") == "Container":
                _default_limit(limit)

    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        seen: set[str] = set()
        for index, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
            at = f"spec.limits[{index}]"
            kind = limit.get("type") or ""
            if kind in seen:
                errors.append(duplicate(f"{at}.type", kind))
            seen.add(kind)
            errors += _limit_errors(at, limit)
        return errors


_AMOUNTS = ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")


def _default_limit(limit: JSON) -> None:
    """A maximum is the default limit; the default limit, or a minimum, is the default request."""
    if limit.get("max"):
        limit["default"] = {**limit["max"], **(limit.get("default") or {})}
    fallback = {**(limit.get("min") or {}), **(limit.get("default") or {})}
    if fallback:
        limit["defaultRequest"] = {**fallback, **(limit.get("defaultRequest") or {})}


_ORDER = (("min", "max"), ("min", "default"), ("min", "defaultRequest"), ("default", "max"),
          ("defaultRequest", "max"), ("defaultRequest", "default"))  # fmt: skip


def _limit_errors(path: str, limit: JSON) -> Errors:
    errors: Errors = []
    for kind in _AMOUNTS:
        for name, value in (limit.get(kind) or {}).items():
            errors += amount(f"{path}.{kind}[{name}]", value)
    if errors:
        return errors
    for low, high in _ORDER:
        for name, value in (limit.get(low) or {}).items():
            bound = (limit.get(high) or {}).get(name)
            if bound is not None and quantity.parse(value) > quantity.parse(bound):
                why = f"{low} value {value} is greater than {high} value {bound}"
                errors.append(invalid(f"{path}.{low}[{name}]", str(value), why))
    return errors
