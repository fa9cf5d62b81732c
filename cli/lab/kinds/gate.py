"""So many messages were held, dropped, delayed, failed or passed at an edge since the lab began."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    edge, component, count = facts["edge"], facts.get("component", "*"), facts["count"]
    of = [one for one in evidence.counters() if fnmatchcase(one.edge, edge) and fnmatchcase(one.component, component)]
    total = sum(one.counts.get(count, 0) for one in of)
    where = edge if component == "*" else f"{edge} of {component}"
    return Verdict(f"{where} since the start: {total} {count}", outside(total, facts, f"messages {count} at {where}"))
