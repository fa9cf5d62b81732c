"""Nothing is left behind: no rule in force, nobody frozen, the clock at real pace."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    unusual = evidence.unusual()
    return Verdict("rules in force, frozen processes and the clock", "; ".join(unusual))
