"""Judging a lab: every check against the evidence, told to the student and kept as a file for the teacher."""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.cluster import ClusterEvidence
from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds.table import KINDS
from cli.lab.model import Check, Lab
from cli.lab.workspace import Workspace, read_start
from cli.output_files import require_writable

FORMAT = "orrery-lab-result/1"


@dataclass(frozen=True)
class Judged:
    """A check and what came of it."""

    check: Check
    verdict: Verdict

    @property
    def points(self) -> int:
        return self.check.points if self.verdict.met else 0


def check(name: str, lab: Lab, student: str = "", out: str = "") -> tuple[str, bool]:
    """What to print, and whether all is right and written. Raises UserError before anything if `out` cannot be."""
    if out:
        _prepare(Path(out))
    lab = lab.on(running(name).runtime)
    space = Workspace.of(name, lab)
    start = read_start(space, lab)
    judged = judge(lab, ClusterEvidence(name, lab.namespace, space, start))
    result = json.dumps(result_of(lab, judged, student or user(), start.started), indent=1)
    files = [space.result, *([Path(out)] if out else [])]
    problems = [problem for file in files if (problem := _write(file, result))]
    said = problems or [f"result: {files[-1]}"]
    return "\n".join([*report(lab, judged), *said]), all(one.verdict.met for one in judged) and not problems


def _prepare(out: Path) -> None:
    """Make its folder, and see that it can be written. Raises UserError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {out.parent} cannot be made: {error.strerror}") from None
    require_writable("--out", out)


def _write(file: Path, text: str) -> str:
    """What went wrong; "" if nothing did."""
    try:
        file.write_text(text)
    except OSError as error:
        return f"result not written: {file}: {error.strerror}"
    return ""


def judge(lab: Lab, evidence: Evidence) -> list[Judged]:
    return [Judged(one, KINDS[one.kind].judge(dict(one.facts), evidence)) for one in lab.checks]


def report(lab: Lab, judged: Sequence[Judged]) -> list[str]:
    """Three lines at most for each check: is it right, what was looked at, what is missing."""
    lines = []
    for one in judged:
        mark = "right  " if one.verdict.met else "MISSING"
        lines.append(f"{mark} {one.points}/{one.check.points}  {one.check.about}  [{one.check.id}]")
        if not one.verdict.met:
            lines.append(f"             {one.verdict.missing}")
        lines.append(f"             looked at {one.verdict.looked}")
    got = sum(one.points for one in judged)
    return [*lines, "", f"{lab.id}: {got} of {lab.points} points"]


def result_of(lab: Lab, judged: Sequence[Judged], student: str, started: float) -> dict[str, Any]:
    checks = [
        {"id": one.check.id, "points": one.points, "of": one.check.points, "looked": one.verdict.looked,
         "missing": one.verdict.missing}
        for one in judged
    ]  # fmt: skip
    points = sum(one.points for one in judged)
    minutes = round((time.time() - started) / 60, 1)
    return {
        "format": FORMAT, "student": student, "lab": lab.id, "points": points, "of": lab.points,
        "minutes": minutes, "checked": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "checks": checks,
    }  # fmt: skip


def user() -> str:
    """Who is at the keyboard."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return str(os.getuid())


def hints(lab: Lab, wanted: str, results: dict[str, bool]) -> list[str]:
    """Of one check, or of the first that is not met; `results` are those of the last check."""
    if wanted:
        return [f"{one.id}: {one.hint}" for one in lab.checks if one.id == wanted]
    first = next((one for one in lab.checks if not results.get(one.id, False)), None)
    return [f"{first.id}: {first.hint}"] if first else ["every check was met; there is nothing left to hint at"]


def look(name: str, lab: Lab, said: list[str]) -> list[str]:
    """Where to look, for who asks about a diagnosis: beyond what is said for every fault."""
    from cli.lab.broken.riddle import ClusterRiddle

    asked = {one.partition(":")[0] for one in said}
    if not any(one.kind == "diagnosis" and one.id in asked for one in lab.checks):
        return said
    start = read_start(Workspace.of(name, lab), lab)
    return [*said, f"of yours: {ClusterRiddle(name, start).broken.fault.look}"]


def last_results(space: Workspace) -> dict[str, bool]:
    """By check; empty if nothing was checked yet."""
    try:
        found = json.loads(space.result.read_text())
        return {one["id"]: not one["missing"] for one in found["checks"]}
    except (FileNotFoundError, ValueError, KeyError):
        return {}
