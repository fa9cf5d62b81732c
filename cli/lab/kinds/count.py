"""There are so many objects of a resource for which something holds."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import holds
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    resource, selector = facts["resource"], facts.get("selector", "")
    every = evidence.objects(resource, selector)
    found = [one for one in every if holds(one, facts.get("where", []))]
    what = f"{resource} with {selector}" if selector else resource
    names = ", ".join(one["metadata"]["name"] for one in found[:5]) or "none"
    return Verdict(f"{len(every)} {what}; that count: {len(found)} ({names})", outside(len(found), facts, what))
