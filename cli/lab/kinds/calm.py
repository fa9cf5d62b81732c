"""Nobody began anew but who was broken: a repair is no lottery."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    riddle = evidence.riddle()
    restarted = riddle.restarted()
    others = [one for one in restarted if one != riddle.broken.component]
    looked = f"began anew since the start: {', '.join(restarted) or 'nobody'}"
    return Verdict(looked, f"{', '.join(others)} had nothing to do with it" if others else "")
