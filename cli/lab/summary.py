"""A teacher's table over a directory of results. Pure but for reading them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cli.errors import UserError
from cli.lab.checking import FORMAT
from cli.status import table

FILES: Final = 5000  # results read at most


def summary(folder: Path) -> str:
    """One row for each student, one column for each lab; below, which checks gave trouble."""
    results, ignored = read(folder)
    if not results:
        raise UserError(f"{folder} has no results; orrery lab check LAB --out {folder}/NAME-LAB.json writes one")
    best = best_of(results)
    lines = [table(rows(best)), "", *troubles(best)]
    return "\n".join([*lines, *(f"not a result: {one}" for one in ignored)])


def read(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Results, however deep they lie, and the names of what is none."""
    found, ignored = [], []
    for file in sorted(folder.rglob("*.json"))[:FILES]:
        try:
            one = json.loads(file.read_text())
        except (ValueError, OSError):
            one = None
        if isinstance(one, dict) and one.get("format") == FORMAT:
            found.append(one)
        elif file.name != "start.json":
            ignored.append(str(file.relative_to(folder)))
    return found, ignored


def best_of(results: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By student and lab, the result with the most points; of equals the earliest."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for one in sorted(results, key=lambda one: (-one["points"], one["checked"])):
        best.setdefault((one["student"], one["lab"]), one)
    return best


def rows(best: dict[tuple[str, str], dict[str, Any]]) -> list[list[str]]:
    labs = sorted({lab for _, lab in best})
    lines = [["STUDENT", *(lab.partition("-")[0] for lab in labs), "POINTS", "OF"]]
    for student in sorted({student for student, _ in best}):
        mine = [best.get((student, lab)) for lab in labs]
        cells = [f"{one['points']}/{one['of']}" if one else "-" for one in mine]
        sums = [str(sum(one[key] for one in mine if one)) for key in ("points", "of")]
        lines.append([student, *cells, *sums])
    return lines


def troubles(best: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    """Checks that were not met, those that most failed first."""
    missed: dict[tuple[str, str], int] = {}
    tried: dict[str, int] = {}
    for one in best.values():
        tried[one["lab"]] = tried.get(one["lab"], 0) + 1
        for check in one["checks"]:
            if check["missing"]:
                missed[one["lab"], check["id"]] = missed.get((one["lab"], check["id"]), 0) + 1
    ranked = sorted(missed.items(), key=lambda item: (-item[1], item[0]))
    return [f"{lab} {check}: missed by {many} of {tried[lab]}" for (lab, check), many in ranked]
