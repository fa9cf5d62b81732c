"""A component's process began anew since the lab was started."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    component = facts["component"]
    many = evidence.restarts(component)
    return Verdict(
        f"{component} began anew {many} times since the start", outside(many, facts, f"restarts of {component}")
    )
