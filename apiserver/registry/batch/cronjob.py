"""CronJobs: jobs by the clock."""

from __future__ import annotations

import re
from typing import Final

from apimachinery import names
from apiserver.registry.batch.job import validate_job_spec
from apiserver.registry.checks import JSON, Errors, enum, invalid, non_negative, required
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.strategy import Context, Strategy

NAME_MAX: Final = 52
"""Leaves room for the `-` and ten digits that make a job's name."""
MACROS: Final = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS: Final = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS: Final = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS: Final[tuple[tuple[int, int, dict[str, int]], ...]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: index + 1 for index, name in enumerate(_MONTHS)}),
    (0, 6, {name: index for index, name in enumerate(_DAYS)}),
)
_EVERY = re.compile(r"@every \d+(h|m|s|ms)(\d+(h|m|s|ms))*")


class CronJobStrategy(Strategy):
    tracks_generation = True

    def name_errors(self, name: str) -> list[str]:
        messages = names.dns1123_subdomain(name)
        return [*messages, f"must be no more than {NAME_MAX} characters"] if len(name) > NAME_MAX else messages

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for key, value in (
            ("concurrencyPolicy", "Allow"),
            ("suspend", False),
            ("successfulJobsHistoryLimit", 3),
            ("failedJobsHistoryLimit", 1),
        ):
            if spec.get(key) in (None, ""):
                spec[key] = value
        # The job template gets the defaults of pod templates only: those of jobs come when one is made.
        default_template(((spec.get("jobTemplate") or {}).get("spec") or {}).get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = validate_schedule("spec.schedule", spec.get("schedule") or "")
        errors += _timezone(spec.get("timeZone"))
        errors += enum("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
        for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
            errors += non_negative(f"spec.{field}", spec.get(field))
        job = (spec.get("jobTemplate") or {}).get("spec") or {}
        if job.get("manualSelector"):
            errors.append(invalid("spec.jobTemplate.spec.manualSelector", True, "must be unset"))
        return errors + validate_job_spec("spec.jobTemplate.spec", job)


def _timezone(zone: str | None) -> Errors:
    if zone is None:
        return []
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if not zone:
        return [invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return [invalid("spec.timeZone", zone, f"unknown time zone {zone}")]
    return []


def validate_schedule(path: str, schedule: str) -> Errors:
    """Five fields, or a macro. Names of months and days are understood."""
    if not schedule:
        return [required(path)]
    if "TZ" in schedule:
        return [invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")]
    if schedule.startswith("@"):
        if schedule in MACROS or _EVERY.fullmatch(schedule):
            return []
        return [invalid(path, schedule, f"unrecognized descriptor: {schedule}")]
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        shown = f"[{' '.join(fields)}]"
        return [invalid(path, schedule, f"expected exactly 5 fields, found {len(fields)}: {shown}")]
    for text, (low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            problem = _part_problem(part, low, high, words)
            if problem:
                return [invalid(path, schedule, problem)]
    return []


def _part_problem(part: str, low: int, high: int, words: dict[str, int]) -> str:
    """What is wrong with `*`, `5`, `1-5` or `*/10`; "" if nothing."""
    body, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return f"step of range should be a positive number: {part}"
    if body in ("*", "?"):
        return ""
    numbers: list[int] = []
    for word in body.split("-", 1):
        number = words.get(word.upper(), int(word) if word.isdigit() else None)
        if number is None:
            return f"failed to parse int from {word}"
        numbers.append(number)
    if numbers[0] < low:
        return f"beginning of range ({numbers[0]}) below minimum ({low}): {part}"
    if numbers[-1] > high:
        return f"end of range ({numbers[-1]}) above maximum ({high}): {part}"
    if numbers[0] > numbers[-1]:
        return f"beginning of range ({numbers[0]}) beyond end of range ({numbers[-1]}): {part}"
    return ""
