"""What was broken and hidden is as it should be again, and so is an object that suffered from it."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds import object


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    suffered = object.judge(facts, evidence)
    still = evidence.riddle().in_force()
    problems = [*(["something is still broken"] if still else []), *filter(None, [suffered.missing])]
    return Verdict(f"every component, and {suffered.looked}", "; ".join(problems))
