"""A comparison as text, and as JSON for graders. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from cli.compare.comparing import Result, Told
from cli.compare.differences import equal
from cli.compare.limits import SHOWN
from cli.compare.model import Decision, Finding, Verdict

_ORDER: Final = tuple(Verdict)


def text(result: Result, *, every: bool = False) -> str:
    """`every` shows what is the same, too."""
    names = [one.name for one in result.sides]
    lines = [*_head(result), ""]
    shown = [one for one in result.findings if every or one.verdict is not Verdict.SAME]
    for finding in shown[:SHOWN]:
        lines += _finding(finding, names)
    if len(shown) > SHOWN:
        lines.append(f"... and {len(shown) - SHOWN} more; --json has all")
    lines += [""] if shown else []
    lines += [f"note: {one}" for one in _notes(result)]
    return "\n".join([*lines, _summary(result, names)])


def _head(result: Result) -> Iterator[str]:
    given, options = result.input, result.options
    yield f"{options.component}: {len(given.steps)} steps of {given.source} ({given.digest}), seed {options.seed}"
    for one in result.sides:
        writes = ", ".join(f"{count} {word}" for word, count in sorted(one.counts.items())) or "wrote nothing"
        yield f"  {one.name}: {one.command} ({writes})"


def _finding(finding: Finding, names: list[str]) -> Iterator[str]:
    yield f"{label(finding.verdict, names):<14} {finding.about}{_outcomes(finding, names)}"
    if finding.note:
        yield f"    {finding.note}"
    yield from (f"    {line}" for line in finding.changes)
    if finding.verdict is not Verdict.SAME:
        yield from _said(finding, names)
    yield from (f"    {names[0]}, why: {line}" for line in finding.why)


def _said(finding: Finding, names: list[str]) -> Iterator[str]:
    first, second = (one.said if one is not None else () for one in (finding.first, finding.second))
    if first == second:
        yield from (f"    both said: {line}" for line in first)
        return
    for name, said in zip(names, (first, second), strict=True):
        yield from (f"    {name} said: {line}" for line in said)


def label(verdict: Verdict, names: list[str]) -> str:
    return {Verdict.ONLY_FIRST: f"only {names[0]}", Verdict.ONLY_SECOND: f"only {names[1]}"}.get(verdict, verdict.value)


def _outcomes(finding: Finding, names: list[str]) -> str:
    if finding.verdict in (Verdict.SAME, Verdict.NEITHER):
        return f": {finding.first.outcome}" if finding.first is not None and finding.first.outcome else ""
    sides = (finding.first, finding.second)
    return ": " + ", ".join(f"{name} {_word(one)}" for name, one in zip(names, sides, strict=True))


def _word(one: Decision | None) -> str:
    return one.outcome if one is not None and one.outcome else "nothing"


def _notes(result: Result) -> Iterator[str]:
    yield from result.notes
    apart = next((one for one in result.findings if one.verdict not in (Verdict.SAME, Verdict.NEITHER)), None)
    if result.options.component == "scheduler" and not result.options.aligned and apart is not None:
        yield f"from {apart.about} on the two are in different states; --aligned has every decision taken on the same"
    for one in result.sides:
        if one.restless:
            steps = ", ".join(map(str, one.restless[:5])) + (" ..." if len(one.restless) > 5 else "")
            yield f"{one.name} did not come to rest after step {steps}: what it did later may count for a later step"
        for refused, times in one.refused.items():
            yield f"{one.name} was refused{f' {times} times' if times > 1 else ''}: {refused}"


def _summary(result: Result, names: list[str]) -> str:
    counts = Counter(one.verdict for one in result.findings)
    told = ", ".join(f"{counts[one]} {label(one, names)}" for one in _ORDER if counts[one])
    return told or "neither decided anything"


def tree(result: Result) -> dict[str, Any]:
    """Stable: graders may rely on it."""
    names = [one.name for one in result.sides]
    return {
        "component": result.options.component,
        "equal": equal(result.findings),
        "input": {"source": result.input.source, "digest": result.input.digest, "steps": len(result.input.steps)},
        "seed": result.options.seed,
        "aligned": result.options.aligned,
        "sides": [_side(one) for one in result.sides],
        "counts": {one.value: sum(two.verdict is one for two in result.findings) for one in _ORDER},
        "findings": [_tree(one, names) for one in result.findings],
        "notes": list(_notes(result)),
    }


def _side(one: Told) -> dict[str, Any]:
    return {"name": one.name, "command": one.command, "writes": one.counts, "refused": one.refused}


def _tree(finding: Finding, names: list[str]) -> dict[str, Any]:
    sides = dict(zip(names, (finding.first, finding.second), strict=True))
    return {
        "about": finding.about,
        "verdict": finding.verdict.value,
        "decisions": {name: _decision(one) for name, one in sides.items() if one is not None},
        "changes": list(finding.changes),
        "why": list(finding.why),
        "note": finding.note,
    }


def _decision(one: Decision) -> dict[str, Any]:
    return {"outcome": one.outcome, "step": one.step, "said": list(one.said), "content": one.content}
