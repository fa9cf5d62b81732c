"""An Event was recorded for an object: `reason`, the object's name and `by`, who recorded it, are shell patterns."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    every = evidence.objects("events", "")
    wanted, by = facts.get("of", "*"), facts.get("by", "*")
    found = [
        one
        for one in every
        if fnmatchcase(one.get("reason", ""), facts["reason"]) and _of(one, wanted) and _by(one, by)
    ]
    what = f"Events {facts['reason']} of {wanted}" + (f" by {by}" if by != "*" else "")
    return Verdict(f"{len(every)} Events, {len(found)} of them {facts['reason']}", outside(len(found), facts, what))


def _of(event: dict[str, Any], wanted: str) -> bool:
    about = event.get("involvedObject", {})
    return fnmatchcase(f"{about.get('kind', '').lower()}/{about.get('name', '')}", wanted)


def _by(event: dict[str, Any], wanted: str) -> bool:
    """Older clients tell it in `source`, newer ones in `reportingComponent`."""
    names = (event.get("source", {}).get("component", ""), event.get("reportingComponent", ""))
    return any(fnmatchcase(one, wanted) for one in names)
