"""The student's program does right in a trial: a script of the lab runs it, and tells what came of it as facts.

`program` is a script in the lab's folder (see `cli.lab.arena`); `where` are conditions on its facts. Checks with the
same `program` share one run.
"""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import MISSING, at, failing


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    came = evidence.trial(facts["program"])
    found = [f"{one['path']} {_told(at(came.facts, one['path']))}" for one in facts["where"]]
    missing = failing(came.facts, facts["where"])
    if missing and came.stopped:
        missing = [came.stopped]
    return Verdict(f"your program, in {came.place}: {', '.join(found)}", "; ".join(missing))


def _told(value: Any) -> str:
    return "not tried" if value is MISSING else str(value)
