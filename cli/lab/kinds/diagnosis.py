"""A part of the diagnosis is right: `component`, `node`, `edge` or `kind`; or the `evidence` speaks of the culprit."""

from __future__ import annotations

from typing import Any, Final

from cli.lab.evidence import Evidence, Verdict

ENOUGH: Final = 30  # characters of evidence: a line of what somebody saw


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    question = facts["question"]
    given = str(evidence.answers().get(question) or "").strip()
    if not given:
        return Verdict(f"answers.yaml: {question} is empty", f"{question} is not answered yet")
    looked = f"answers.yaml: {question}: {given}"
    broken = evidence.riddle().broken
    if question != "evidence":
        return Verdict(looked, "" if broken.accepts(question, given) else f"{given!r} is not the {question}")
    if len(given) < ENOUGH:
        return Verdict(looked, "too short: quote the line that convinced you")
    return Verdict(looked, "" if broken.names(given) else "it does not speak of the component that is broken")
