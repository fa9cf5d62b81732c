"""The last decisions, kept to answer "why this node, why not that one?"."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from scheduler.decision import Decision
from scheduler.limits import DECISION_CELLS, DECISIONS, NODES_TOLD


@dataclass(frozen=True, slots=True)
class NodeVerdict:
    """One line of the table: a node and what each plugin made of it."""

    node: str
    refused_by: str
    reasons: tuple[str, ...]
    scores: dict[str, int]
    total: int | None


class Decisions:
    """A ring, bounded in decisions and in table cells; the oldest go first."""

    def __init__(self, capacity: int = DECISIONS, cells: int = DECISION_CELLS) -> None:
        self._ring: deque[Decision] = deque()
        self._capacity = capacity
        self._cells_allowed = cells
        self._cells = 0

    def record(self, decision: Decision) -> None:
        self._ring.append(decision)
        self._cells += decision.cells
        while len(self._ring) > self._capacity or (self._cells > self._cells_allowed and len(self._ring) > 1):
            self._cells -= self._ring.popleft().cells

    def of_pod(self, key: str) -> list[Decision]:
        """Newest first."""
        return [one for one in reversed(self._ring) if one.pod == key]

    def latest(self) -> Decision | None:
        return self._ring[-1] if self._ring else None

    def __len__(self) -> int:
        return len(self._ring)


def table(decision: Decision) -> list[NodeVerdict]:
    """Every node that the decision looked at: best first, then those refused, by name."""
    refused: dict[int, tuple[str, list[str]]] = {}
    for rejection in decision.rejections:
        for row in rejection.rows.tolist():
            refused.setdefault(row, (rejection.plugin, []))[1].append(rejection.reason)
    lines = [
        NodeVerdict(decision.names[row], plugin, tuple(reasons), {}, None) for row, (plugin, reasons) in refused.items()
    ]
    for position, row in enumerate(decision.feasible.tolist()):
        scores = {plugin: int(column[position]) for plugin, column in decision.scores.items()}
        lines.append(NodeVerdict(decision.names[row], "", (), scores, int(decision.totals[position])))
    return sorted(lines, key=lambda line: (-1 if line.total is None else -line.total - 2, line.node))


def describe(decision: Decision) -> str:
    """The table as text, for logs and terminals."""
    outcome = f"{decision.pod} -> {decision.node}" if decision.node else f"{decision.pod}: {decision.status.message}"
    return "\n".join([outcome, *map(_line, table(decision))])


def facts(decision: Decision) -> dict[str, Any]:
    """The decision as JSON; of a big cluster only the first lines of the table."""
    lines = table(decision)
    return {
        "pod": decision.pod,
        "uid": decision.uid,
        "time": decision.time,
        "node": decision.node,
        "message": decision.status.message,
        "nominated": decision.nominated,
        "nodes": [asdict(line) for line in lines[:NODES_TOLD]],
        "left_out": max(0, len(lines) - NODES_TOLD),
    }


def summary(decision: Decision) -> str:
    """One line: the node and its total, or why there is none."""
    if not decision.node:
        return decision.status.message
    refused = sum(len(one.rows) for one in decision.rejections)
    best = int(decision.totals.max())
    return f"{decision.node}: {best} points, best of {len(decision.feasible)} nodes; {refused} refused"


def _line(verdict: NodeVerdict) -> str:
    if verdict.total is None:
        return f"  {verdict.node}: refused by {verdict.refused_by}: {'; '.join(verdict.reasons)}"
    scores = ", ".join(f"{plugin} {score}" for plugin, score in verdict.scores.items())
    return f"  {verdict.node}: {verdict.total} ({scores})"
