"""How single values are written in tables: ages, durations, lists, selectors. All pure; `now` is in Unix seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apimachinery.errors import ApiError
from apimachinery.selectors import from_json
from apimachinery.timestamps import parse_time

JSON = dict[str, Any]
Cells = list[Any]
Row = Callable[[JSON, float], Cells]

NONE: Final = "<none>"
UNSET: Final = "<unset>"
UNKNOWN: Final = "<unknown>"
WIDE: Final = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column definition. Those of priority 1 show with `-o wide` only."""

    name: str
    description: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def to_json(self) -> JSON:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Column, ...]
    row: Row


NAME: Final = Column("Name", "Name of the object, unique in its namespace while it exists.", format="name")
AGE: Final = Column("Age", "Time since the object was created.")
CREATED_AT: Final = Column("Created At", "When the object was created.", "date")
CONTAINERS: Final = Column("Containers", "Names of the template's containers.", priority=WIDE)
IMAGES: Final = Column("Images", "Images of the template's containers.", priority=WIDE)
SELECTOR: Final = Column("Selector", "Labels by which the object finds its pods.", priority=WIDE)


def wide(name: str, description: str, kind: str = "string") -> Column:
    return Column(name, description, kind, priority=WIDE)


def number(name: str, description: str) -> Column:
    return Column(name, description, "integer")


def human_duration(seconds: float) -> str:
    """`45s`, `3m20s`, `25m`, `4h5m`, `12h`, `5d3h`, `40d`, `2y10d`: about two digits of what matters."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d") if days < 365 * 8 else f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def since(time: str | None, now: float) -> str:
    """How long ago an RFC 3339 time was."""
    return human_duration(now - parse_time(time)) if time else UNKNOWN


def age(obj: JSON, now: float) -> str:
    return since(metadata(obj).get("creationTimestamp"), now)


def metadata(obj: JSON) -> JSON:
    found: JSON = obj.get("metadata") or {}
    return found


def name(obj: JSON) -> str:
    return str(metadata(obj).get("name") or "")


def spec(obj: JSON) -> JSON:
    found: JSON = obj.get("spec") or {}
    return found


def status(obj: JSON) -> JSON:
    found: JSON = obj.get("status") or {}
    return found


def labels(given: Mapping[str, str] | None) -> str:
    """`a=b,c=d`, in order of keys."""
    return ",".join(f"{key}={value}" for key, value in sorted((given or {}).items())) or NONE


def selector(given: JSON | None) -> str:
    """A `metav1.LabelSelector` in its query form."""
    try:
        return str(from_json(given)) or NONE
    except (ApiError, KeyError):
        return "<error>"


def joined(items: Iterable[Any], separator: str = ",", empty: str = "") -> str:
    return separator.join(str(item) for item in items) or empty


def first_few(items: list[str], limit: int, separator: str = ",", empty: str = "") -> str:
    """At most `limit` of them, and how many more there are."""
    text = separator.join(items[:limit]) or empty
    return f"{text} + {len(items) - limit} more..." if len(items) > limit else text


def containers(pod_spec: JSON) -> Cells:
    """The cells of `CONTAINERS` and `IMAGES`."""
    given = pod_spec.get("containers") or []
    return [joined(one.get("name", "") for one in given), joined(one.get("image", "") for one in given)]


def template_spec(obj: JSON) -> JSON:
    found: JSON = (spec(obj).get("template") or {}).get("spec") or {}
    return found


def truth(value: Any) -> str:
    """A pointer to a boolean: `True`, `False` or `<unset>`."""
    return UNSET if value is None else str(bool(value))


def condition(obj: JSON, kind: str) -> str:
    """The status of a condition, "" if absent."""
    found = (one for one in status(obj).get("conditions") or () if one.get("type") == kind)
    return next((str(one.get("status")) for one in found), "")
