"""Two sides' decisions, paired and told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from cli.compare.model import Decision, Finding, Verdict
from cli.diffs import diff

Pair: TypeAlias = "tuple[Decision | None, Decision | None]"


def differences(first: Sequence[Decision], second: Sequence[Decision]) -> list[Finding]:
    """One finding for each question that either side had, in the order of the first."""
    return [_finding(*pair) for pair in pairs(first, second)]


def pairs(first: Sequence[Decision], second: Sequence[Decision]) -> list[Pair]:
    """By what they are about; within a group of lots by their content, and what is left in order."""
    found: dict[int, Decision] = {}
    left = list(second)
    for same in (_same_question, _same_lot, _same_group):
        for one in first:
            if id(one) in found:
                continue
            other = next((two for two in left if same(one, two)), None)
            if other is not None:
                found[id(one)] = other
                left = [two for two in left if two is not other]
    return [*((one, found.get(id(one))) for one in first), *((None, two) for two in left)]


def _same_question(one: Decision, two: Decision) -> bool:
    return not one.group and not two.group and one.about == two.about


def _same_lot(one: Decision, two: Decision) -> bool:
    return _same_group(one, two) and (one.outcome, one.content) == (two.outcome, two.content)


def _same_group(one: Decision, two: Decision) -> bool:
    return bool(one.group) and one.group == two.group


def _finding(one: Decision | None, two: Decision | None) -> Finding:
    about = one.about if one is not None else two.about if two is not None else ""
    verdict = _verdict(one, two)
    changes = tuple(_changes(one, two)) if verdict is Verdict.DIFFER else ()
    return Finding(about, verdict, one, two, changes)


def _verdict(one: Decision | None, two: Decision | None) -> Verdict:
    decided = (bool(one and one.outcome), bool(two and two.outcome))
    if not any(decided) or one is None or two is None:
        return Verdict.NEITHER if not any(decided) else Verdict.ONLY_FIRST if decided[0] else Verdict.ONLY_SECOND
    if not all(decided):
        return Verdict.ONLY_FIRST if decided[0] else Verdict.ONLY_SECOND
    return Verdict.SAME if (one.outcome, one.content) == (two.outcome, two.content) else Verdict.DIFFER


def _changes(one: Decision | None, two: Decision | None) -> Iterator[str]:
    if one is not None and two is not None and one.outcome == two.outcome:
        yield from diff(one.content, two.content)


def equal(findings: Sequence[Finding], *, strict: bool = False) -> bool:
    """What is as good is no difference, unless one is strict."""
    fine = {Verdict.SAME, Verdict.NEITHER, *(() if strict else (Verdict.AS_GOOD,))}
    return all(one.verdict in fine for one in findings)
