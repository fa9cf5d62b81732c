"""Quantities in the form the API answers with: `1000m` becomes `1`, `1024Mi` becomes `1Gi`.

What is no quantity is left alone, for validation to name.
"""

from __future__ import annotations

from typing import Any

from apimachinery import quantity

JSON = dict[str, Any]


def canonical(value: Any) -> Any:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return value
    try:
        return quantity.canonical(value)
    except ValueError:
        return value


def canonicalize(holder: JSON | None, *fields: str) -> None:
    """Rewrite quantities in these fields of `holder`, in place: single ones, or maps of them."""
    for field in fields if holder else ():
        value = (holder or {}).get(field)
        if isinstance(value, dict):
            for name, amount in value.items():
                value[name] = canonical(amount)
        elif value is not None and holder is not None:
            holder[field] = canonical(value)
