"""One scheduling decision: pure, from a pod and the node table to data that says what, and why."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from scheduler.framework import Code, CycleState, Ints, Mask, Refusal, Status
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo
from scheduler.profile import Profile

NO_NODES = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Rows that one plugin refused for one reason, out of those that were still in the running."""

    plugin: str
    code: Code
    reason: str
    rows: Ints


@dataclass(frozen=True, slots=True)
class Decision:
    """`node` is "" if there is none; then `status` says why, in the words of the `FailedScheduling` event."""

    pod: str
    uid: str
    time: float
    names: tuple[str, ...]
    """Node name per row."""
    rejections: tuple[Rejection, ...]
    feasible: Ints
    scores: dict[str, Ints]
    """Per plugin one normalized score, not yet weighed, for each feasible row."""
    totals: Ints
    node: str
    status: Status
    refused_by: frozenset[str] = frozenset()
    nominated: str = ""
    state: CycleState = field(default_factory=CycleState, repr=False, compare=False)

    @property
    def cells(self) -> int:
        """What it takes up, in table cells."""
        return len(self.names) + sum(len(one.rows) for one in self.rejections) + len(self.feasible) * len(self.scores)


def decide(pod: PodInfo, nodes: NodeTable, profile: Profile, chooser: random.Random, now: float) -> Decision:
    """Filter, score, choose; among the best, `chooser` picks.

    k8s differs: every node is judged, not a sample (`percentageOfNodesToScore`), because a column costs the same.
    """
    run = _Run(pod, nodes, profile)
    run.filter()
    rows = np.flatnonzero(run.feasible)
    if not len(rows):
        return run.failed(now)
    run.score(rows)
    best = rows[run.totals == run.totals.max()]
    return run.finished(rows, nodes.names[int(best[chooser.randrange(len(best))])], now)


class _Run:
    """The working state of one decision."""

    def __init__(self, pod: PodInfo, nodes: NodeTable, profile: Profile) -> None:
        self.pod, self.nodes, self.profile = pod, nodes, profile
        self.state = CycleState()
        self.feasible: Mask = nodes.present.copy()
        self.codes: Ints = np.zeros(nodes.size, np.int64)
        self.rejections: list[Rejection] = []
        self.scores: dict[str, Ints] = {}
        self.totals: Ints = np.zeros(0, np.int64)

    def filter(self) -> None:
        self._pre_filter()
        for plugin in self.profile.filter:
            if plugin.name in self.state.skip_filter or not self.feasible.any():
                continue
            self._refuse(plugin.name, plugin.filter(self.state, self.pod, self.nodes))

    def _pre_filter(self) -> None:
        narrowing: list[str] = []
        candidates: Mask | None = None
        for plugin in self.profile.pre_filter:
            status, rows = plugin.pre_filter(self.state, self.pod, self.nodes)
            if status.code is Code.SKIP:
                self.state.skip_filter.add(plugin.name)
            elif not status.ok:
                self._refuse(plugin.name, [Refusal(~self.nodes.none(), status.code, status.message)])
            if rows is not None:
                narrowing.append(plugin.name)
                candidates = rows if candidates is None else candidates & rows
        if candidates is not None:
            reason = f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(narrowing))}]"
            self._refuse(narrowing[0], [Refusal(~candidates, Code.UNRESOLVABLE, reason)])

    def _refuse(self, plugin: str, refusals: Iterable[Refusal]) -> None:
        """A node refused by one plugin is not shown to the next, but all reasons of the one count."""
        left = self.feasible.copy()
        for refused, code, reason in refusals:
            rows = np.flatnonzero(refused & self.feasible)
            if len(rows):
                self.rejections.append(Rejection(plugin, code, reason, rows.astype(np.int32)))
                self.codes[rows] = np.maximum(self.codes[rows], code)
                left[rows] = False
        self.feasible = left

    def score(self, rows: Ints) -> None:
        for pre in self.profile.pre_score:
            if pre.pre_score(self.state, self.pod, self.nodes, rows).code is Code.SKIP:
                self.state.skip_score.add(pre.name)
        self.totals = np.zeros(len(rows), np.int64)
        for plugin in self.profile.score:
            if plugin.name in self.state.skip_score:
                continue
            scores = plugin.score(self.state, self.pod, self.nodes, rows)
            normalizer = self.profile.normalize_score.get(plugin.name)
            if normalizer is not None:
                scores = normalizer.normalize_score(self.state, self.pod, scores)
            self.scores[plugin.name] = scores.astype(np.int16)
            self.totals += self.profile.weights.get(plugin.name, 1) * scores

    def finished(self, rows: Ints, node: str, now: float) -> Decision:
        return self._decision(now, rows, node, Status())

    def failed(self, now: float) -> Decision:
        # Without any node at all, whatever any filter waits for may help: a node, above all.
        refusing = [one.plugin for one in self.rejections] or [one.name for one in self.profile.filter]
        nominated, said = self._post_filter()
        message = fit_error(self.nodes.node_count, self.rejections, said)
        status = Status(Code.UNSCHEDULABLE, (message,))
        # Without any node at all, the first that comes may do, whatever the plugins think.
        return self._decision(now, np.zeros(0, np.int64), "", status, frozenset(refusing), nominated)

    def _post_filter(self) -> tuple[str, str]:
        said: list[str] = []
        for plugin in self.profile.post_filter:
            status, nominated = plugin.post_filter(self.state, self.pod, self.nodes, self.codes)
            if status.message:
                said.append(status.message)
            if nominated:
                return nominated, ", ".join(said)
        return "", ", ".join(said)

    def _decision(
        self,
        now: float,
        rows: Ints,
        node: str,
        status: Status,
        refused_by: frozenset[str] = frozenset(),
        nominated: str = "",
    ) -> Decision:
        return Decision(
            pod=self.pod.key,
            uid=self.pod.uid,
            time=now,
            names=self.nodes.names_snapshot(),
            rejections=tuple(self.rejections),
            feasible=rows.astype(np.int32),
            scores=self.scores,
            totals=self.totals,
            node=node,
            status=status,
            refused_by=refused_by,
            nominated=nominated,
            state=self.state,
        )


def fit_error(node_count: int, rejections: Iterable[Rejection], post_filter: str = "") -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`, as clients parse it."""
    if not node_count:
        return NO_NODES
    counts: Counter[str] = Counter()
    for one in rejections:
        counts[one.reason] += len(one.rows)
    message = f"0/{node_count} nodes are available"
    if counts:
        # Sorted as texts, numbers included, as upstream does.
        message += ": " + ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items())) + "."
    return f"{message} {post_filter}" if post_filter else message
