"""Cron schedules: five fields, names, steps, ranges, macros, in a time zone. Pure.

Grammar and the rule for day of month and day of week: crontab(5), as `robfig/cron` reads it for Kubernetes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS: Final = {name: number for number, name in enumerate(_DAY_NAMES)}
_BOUNDS: Final[tuple[tuple[int, int, dict[str, int]], ...]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_LONGEST_SEARCH: Final = timedelta(days=5 * 366)


@dataclass(frozen=True)
class Schedule:
    """Sets of minutes, hours, days of the month, months, days of the week (0 is Sunday)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both kinds of day are restricted: one of them matching is enough."""

    def _on_day(self, moment: datetime) -> bool:
        by_month, by_week = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)

    def next_after(self, unix_seconds: float, zone: tzinfo) -> float | None:
        """The first time after that; None if there is none in years (30 February). Unix seconds."""
        moment = datetime.fromtimestamp(unix_seconds, UTC).astimezone(zone).replace(second=0, microsecond=0)
        moment += timedelta(minutes=1)
        end = moment + _LONGEST_SEARCH
        while moment < end:
            if moment.month not in self.months or not self._on_day(moment):
                moment = (moment + timedelta(days=1)).replace(hour=0, minute=0)
            elif moment.hour not in self.hours:
                moment = (moment + timedelta(hours=1)).replace(minute=0)
            elif moment.minute not in self.minutes:
                moment += timedelta(minutes=1)
            else:
                return moment.timestamp()
        return None


def parse_schedule(text: str) -> Schedule:
    """Raises ValueError, with the reason."""
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: {text!r}")
    minutes, hours, days, months, weekdays = (
        _field(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)
    )
    restricted = [not field.startswith(("*", "?")) for field in (fields[2], fields[4])]
    return Schedule(minutes, hours, days, months, weekdays, either_day=all(restricted))


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, {}) if step_text else 1
        first, last = _span(span, low, high, names, to_end=bool(step_text))
        if not (low <= first <= last <= high) or step < 1:
            raise ValueError(f"{part!r} is not within {low}-{high}")
        values |= set(range(first, last + 1, step))
    return frozenset(values)


def _span(text: str, low: int, high: int, names: dict[str, int], *, to_end: bool) -> tuple[int, int]:
    if text in ("*", "?"):
        return low, high
    first, dash, last = text.partition("-")
    start = _number(first, names)
    if dash:
        return start, _number(last, names)
    return start, high if to_end else start


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdigit():
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def find_zone(name: str | None) -> tzinfo:
    """UTC by default. Raises ValueError for an unknown one."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone {name}") from error
