"""The extension points a plugin may implement, and the values they speak in.

A "no" is a `Status` or a `Refusal`, never an exception. Filters and scores work on all nodes at once: rows of the
`NodeTable`. Extension points and their order: Kubernetes documentation, "Scheduling Framework".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scheduler.node_table import NodeTable
    from scheduler.pod_info import PodInfo

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Code(IntEnum):
    """How a step went. The larger of two refusals of one node wins."""

    SUCCESS = 0
    UNSCHEDULABLE = 1
    """Not here now; other pods leaving could change that."""
    UNRESOLVABLE = 2
    """Not here, whatever pods leave (`UnschedulableAndUnresolvable`)."""
    ERROR = 3
    WAIT = 4
    SKIP = 5
    """The plugin has nothing to say about this pod."""


@dataclass(frozen=True, slots=True)
class Status:
    code: Code = Code.SUCCESS
    reasons: tuple[str, ...] = ()
    plugin: str = ""

    @property
    def ok(self) -> bool:
        return self.code is Code.SUCCESS

    @property
    def message(self) -> str:
        return ", ".join(self.reasons)


SUCCESS: Final = Status()
SKIP: Final = Status(Code.SKIP)


class Refusal(NamedTuple):
    """Which rows are refused, how finally, and why."""

    refused: Mask
    code: Code
    reason: str


class PreFilterResult(NamedTuple):
    """`candidates`: only these rows can hold the pod, whatever the filters say; None is all."""

    status: Status = SUCCESS
    candidates: Mask | None = None


class PostFilterResult(NamedTuple):
    """`nominated`: the node that will have room once something else has happened; "" is none."""

    status: Status
    nominated: str = ""


class Action(IntFlag):
    """What happened to a resource, as finely as the scheduler tells it apart."""

    ADD = 1
    DELETE = 2
    UPDATE_ALLOCATABLE = 4
    UPDATE_LABEL = 8
    UPDATE_TAINT = 16
    UPDATE_CONDITION = 32
    UPDATE_IMAGES = 64
    SCALE_DOWN = 128
    UPDATE_TOLERATION = 256
    GATES_ELIMINATED = 512
    UPDATE_OTHER = 1024


class ClusterEvent(NamedTuple):
    """`resource` is `Node`, `Namespace`, `AssignedPod` or `UnscheduledPod` (the waiting pod itself)."""

    resource: str
    action: Action

    def matches(self, other: ClusterEvent) -> bool:
        return self.resource == other.resource and bool(self.action & other.action)


@dataclass(slots=True)
class CycleState:
    """What plugins remember between the steps of one cycle, and which of them sit the rest of it out."""

    data: dict[str, Any] = field(default_factory=dict)
    skip_filter: set[str] = field(default_factory=set)
    skip_score: set[str] = field(default_factory=set)


class Plugin(Protocol):
    @property
    def name(self) -> str: ...


@runtime_checkable
class QueueSort(Protocol):
    name: str

    def sort_key(self, pod: PodInfo, queued_at: float) -> tuple[float, ...]:
        """The smaller key is scheduled first."""
        ...


@runtime_checkable
class PreEnqueue(Protocol):
    name: str

    def pre_enqueue(self, pod: PodInfo) -> Status: ...


@runtime_checkable
class EnqueueExtensions(Protocol):
    name: str

    def events_to_register(self) -> Sequence[ClusterEvent]:
        """Events that could make a pod schedulable which this plugin refused."""
        ...


@runtime_checkable
class PreFilter(Protocol):
    name: str

    def pre_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> PreFilterResult: ...


@runtime_checkable
class Filter(Protocol):
    name: str

    def filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable) -> Sequence[Refusal]: ...


@runtime_checkable
class PostFilter(Protocol):
    name: str

    def post_filter(self, state: CycleState, pod: PodInfo, nodes: NodeTable, codes: Ints) -> PostFilterResult:
        """`codes` is each row's `Code`."""
        ...


@runtime_checkable
class PreScore(Protocol):
    name: str

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Status: ...


@runtime_checkable
class Score(Protocol):
    name: str

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        """One score per feasible row, 0 to 100 unless the plugin normalizes."""
        ...


@runtime_checkable
class NormalizeScore(Protocol):
    name: str

    def normalize_score(self, state: CycleState, pod: PodInfo, scores: Ints) -> Ints: ...


@runtime_checkable
class Reserve(Protocol):
    name: str

    def reserve(self, state: CycleState, pod: PodInfo, node: str) -> Status: ...

    def unreserve(self, state: CycleState, pod: PodInfo, node: str) -> None: ...


@runtime_checkable
class Permit(Protocol):
    name: str

    async def permit(self, state: CycleState, pod: PodInfo, node: str) -> Status:
        """May take its time: it runs in the binding, not in the cycle."""
        ...


@runtime_checkable
class PreBind(Protocol):
    name: str

    async def pre_bind(self, state: CycleState, pod: PodInfo, node: str) -> Status: ...


@runtime_checkable
class Bind(Protocol):
    name: str

    async def bind(self, state: CycleState, pod: PodInfo, node: str) -> Status:
        """SKIP leaves it to the next binder."""
        ...


@runtime_checkable
class PostBind(Protocol):
    name: str

    def post_bind(self, state: CycleState, pod: PodInfo, node: str) -> None: ...
