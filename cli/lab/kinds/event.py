"""An Event was recorded for an object: `reason` and the object's name are shell patterns."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    every = evidence.objects("events", "")
    wanted = facts.get("of", "*")
    found = [one for one in every if fnmatchcase(one.get("reason", ""), facts["reason"]) and _of(one, wanted)]
    what = f"Events {facts['reason']} of {wanted}"
    return Verdict(f"{len(every)} Events, {len(found)} of them {facts['reason']}", outside(len(found), facts, what))


def _of(event: dict[str, Any], wanted: str) -> bool:
    about = event.get("involvedObject", {})
    return fnmatchcase(f"{about.get('kind', '').lower()}/{about.get('name', '')}", wanted)
