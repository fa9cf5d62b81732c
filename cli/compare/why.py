"""Reasons of ours for what it decided, beside a finding. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cli.compare.model import JSON, Finding, Key, Verdict, Write
from cli.why.pods import table
from proto.debug_pb2 import Span
from wire.span import span_id

DEPTH = 16  # spans from a write up to its reconcile, at most
Explained = Mapping[Key, Mapping[str, list[JSON]]]


def with_reasons(finding: Finding, explained: Explained) -> Finding:
    """`explained` is what the first side, ours, said when it was asked; empty if it is a stranger."""
    if finding.verdict is Verdict.SAME or not explained:
        return finding
    one = finding.first
    topics = explained.get(one.key, {}) if one is not None and one.key is not None else {}
    if "decision" in topics:
        return _placed(finding, topics["decision"])
    return replace(finding, why=tuple(dict.fromkeys(map(_reconciled, topics.get("reconcile", ())))))


def _placed(finding: Finding, decisions: list[JSON]) -> Finding:
    """The table of nodes; and whether the other's node had as many points."""
    outcome = finding.first.outcome if finding.first is not None else ""
    other = finding.second.outcome if finding.second is not None else ""
    facts = next((one for one in decisions if one["node"] == outcome), decisions[0])
    points = {one["node"]: one["total"] for one in facts["nodes"]}
    if finding.verdict is Verdict.DIFFER and other in points and points[other] == points.get(outcome):
        note = f"{other} had as many points: among equals one is drawn"
        return replace(finding, verdict=Verdict.AS_GOOD, why=table(facts), note=note)
    return replace(finding, why=table(facts))


def reconcile_behind(write: Write, spans: Mapping[str, Span]) -> JSON | None:
    """The reconcile that made a write, upwards from the apiserver's span of it; None if it is not remembered."""
    if write.ours:
        return None
    span = spans.get(span_id(write.traceparent))
    for _ in range(DEPTH):
        if span is None:
            return None
        kind, _, controller = span.name.partition(":")
        if kind == "reconcile":
            about = span.attributes
            return {"controller": controller, "key": about.get("key", ""), "decided": about.get("decided", "")}
        span = spans.get(span.parent_id)
    return None


def _reconciled(facts: JSON) -> str:
    text = f"its {facts['controller']} controller, of {facts['key']}"
    return f"{text}: {facts['decided']}" if facts["decided"] else text
