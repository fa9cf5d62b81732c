"""What an object's creation set off went through certain hops, in order: shell patterns over `COMPONENT NAME`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cli.lab.evidence import Evidence, Verdict


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    spans = evidence.hops(facts["object"])
    rest = iter(spans)
    for hop in facts["hops"]:
        if not any(fnmatchcase(one, hop) for one in rest):
            return Verdict(_looked(facts, spans), f"after what came before it, the trace has no hop like {hop!r}")
    return Verdict(_looked(facts, spans))


def _looked(facts: dict[str, Any], spans: list[str]) -> str:
    return f"{len(spans)} spans that the creation of {facts['object']} set off"
