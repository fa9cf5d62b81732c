"""Node state as columns: one row per node, one array per fact, updated row by row as events arrive.

A row outlives its node for as long as pods are known to be on it, with `present` false. Rows are reused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from api.node import Node, Taint
from scheduler.default_selectors import DefaultSelectors
from scheduler.framework import Ints, Mask
from scheduler.limits import LABEL_COLUMNS
from scheduler.pod_info import HostPort, PodInfo, parse_resources
from scheduler.pod_table import PodTable

_FIRST_ROWS = 16
_FIRST_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_ABSENT = 0
"""The id of "the node lacks this label" in a label column."""


class NodeTable:
    """All nodes. Arrays may be longer than there are rows: read them through the properties, which cut them."""

    def __init__(self) -> None:
        self.resources: dict[str, int] = {name: column for column, name in enumerate(_FIRST_RESOURCES)}
        self.nodes: list[Node | None] = []
        self.names: list[str] = []
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._names_snapshot: tuple[str, ...] | None = None
        self._allocatable = np.zeros((_FIRST_ROWS, len(self.resources)), np.int64)
        self._requested = np.zeros_like(self._allocatable)
        self._nonzero = np.zeros((_FIRST_ROWS, 2), np.int64)
        self._pod_count = np.zeros(_FIRST_ROWS, np.int64)
        self._allowed_pods = np.zeros(_FIRST_ROWS, np.int64)
        self._present = np.zeros(_FIRST_ROWS, np.bool_)
        self._unschedulable = np.zeros(_FIRST_ROWS, np.bool_)
        self._taint_set = np.zeros(_FIRST_ROWS, np.int64)
        self.taint_sets: list[tuple[Taint, ...]] = [()]
        self._taint_ids: dict[tuple[tuple[str, str, str], ...], int] = {(): 0}
        self._labels: dict[str, Ints] = {}
        self._label_values: dict[str, int] = {}
        self.images: dict[str, dict[int, int]] = defaultdict(dict)
        """Image name to the rows that have it, with its size in bytes."""
        self.host_ports: dict[tuple[str, int], dict[int, Counter[HostPort]]] = defaultdict(dict)
        """(protocol, port) to the rows where it is taken, and by which addresses."""
        self.pods = PodTable()
        self.selectors = DefaultSelectors()

    # --- columns -------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Rows, those without a node included."""
        return len(self.names)

    @property
    def present(self) -> Mask:
        return self._present[: self.size]

    @property
    def allocatable(self) -> Ints:
        """[row, resource]"""
        return self._allocatable[: self.size]

    @property
    def requested(self) -> Ints:
        """[row, resource], assumed pods included."""
        return self._requested[: self.size]

    @property
    def nonzero(self) -> Ints:
        """[row, (milli-CPU, memory bytes)] as scoring counts them."""
        return self._nonzero[: self.size]

    @property
    def pod_count(self) -> Ints:
        return self._pod_count[: self.size]

    @property
    def allowed_pods(self) -> Ints:
        return self._allowed_pods[: self.size]

    @property
    def unschedulable(self) -> Mask:
        return self._unschedulable[: self.size]

    @property
    def taint_set(self) -> Ints:
        """Index into `taint_sets`."""
        return self._taint_set[: self.size]

    @property
    def node_count(self) -> int:
        return int(self.present.sum())

    def names_snapshot(self) -> tuple[str, ...]:
        """Node name per row, shared between calls until a row changes hands."""
        if self._names_snapshot is None:
            self._names_snapshot = tuple(self.names)
        return self._names_snapshot

    def none(self) -> Mask:
        return np.zeros(self.size, np.bool_)

    def row_of(self, name: str) -> int | None:
        """The row of a node that exists."""
        row = self._rows.get(name)
        return row if row is not None and self._present[row] else None

    def label_column(self, key: str) -> Ints:
        """The value of a label per row, as ids that `label_ids` gives; a node without it has 0."""
        column = self._labels.get(key)
        if column is None:
            column = np.zeros(len(self._present), np.int64)
            for row, node in enumerate(self.nodes):
                column[row] = self._label_id(node, key)
            if len(self._labels) >= LABEL_COLUMNS:
                self._labels.pop(next(iter(self._labels)))
            self._labels[key] = column
        return column[: self.size]

    def label_ids(self, values: Iterable[str]) -> list[int]:
        """Ids of those values that any node had when a column was filled."""
        return [self._label_values[value] for value in values if value in self._label_values]

    def domains(self, key: str) -> Ints:
        """Each row's topology domain under `key`; 0 is none, as it is for rows whose node is gone."""
        return np.where(self.present, self.label_column(key), _ABSENT)

    def domain_totals(self, domains: Ints, per_row: Ints) -> Ints:
        """Per row the sum of `per_row` over its whole domain; 0 outside every domain."""
        sums = np.bincount(domains, weights=per_row, minlength=len(self._label_values) + 1).astype(np.int64)
        sums[_ABSENT] = 0
        found: Ints = sums[domains]
        return found

    # --- nodes ---------------------------------------------------------------------------------------------------

    def set_node(self, node: Node) -> None:
        row = self._row_for(node.name)
        self._drop_images(row)
        self.nodes[row] = node
        self._present[row] = True
        self._set_allocatable(row, node)
        self._unschedulable[row] = node.spec.unschedulable
        self._taint_set[row] = self._intern_taints(node.spec.taints)
        for key, column in self._labels.items():
            column[row] = self._label_id(node, key)
        for image in node.status.images:
            for name in image.names:
                self.images[name][row] = image.size_bytes

    def remove_node(self, name: str) -> None:
        row = self._rows.get(name)
        if row is None:
            return
        self._drop_images(row)
        self.nodes[row] = None
        self._present[row] = False
        self._allocatable[row] = 0
        self._allowed_pods[row] = 0
        self._release_if_empty(row)

    # --- pods ----------------------------------------------------------------------------------------------------

    def add_pod(self, name: str, pod: PodInfo) -> None:
        """Count a pod on a node, whether the node is known yet or not."""
        row = self._row_for(name)
        self._count(row, pod, 1)
        self.pods.add(row, pod)

    def remove_pod(self, name: str, pod: PodInfo) -> None:
        row = self._rows[name]
        self._count(row, pod, -1)
        self.pods.remove(row, pod)
        self._release_if_empty(row)

    def _count(self, row: int, pod: PodInfo, sign: int) -> None:
        for resource, amount in pod.requests.items():
            self._requested[row, self._column_for(resource)] += sign * amount
        self._nonzero[row] += (sign * pod.nonzero[0], sign * pod.nonzero[1])
        self._pod_count[row] += sign
        for port in pod.host_ports:
            taken = self.host_ports[port.protocol, port.port].setdefault(row, Counter())
            taken[port] += sign
            if not +taken:
                del self.host_ports[port.protocol, port.port][row]

    # --- rows and columns ----------------------------------------------------------------------------------------

    def _row_for(self, name: str) -> int:
        row = self._rows.get(name)
        if row is not None:
            return row
        if self._free:
            row = self._free.pop()
            self.names[row] = name
        else:
            row = len(self.names)
            self.names.append(name)
            self.nodes.append(None)
            if row >= len(self._present):
                self._grow()
        self._rows[name] = row
        self._names_snapshot = None
        return row

    def _release_if_empty(self, row: int) -> None:
        if self._present[row] or self._pod_count[row]:
            return
        del self._rows[self.names[row]]
        self._requested[row] = self._nonzero[row] = 0
        self.names[row] = ""
        self._free.append(row)

    def _grow(self) -> None:
        rows = len(self._present)
        for name in ("_allocatable", "_requested", "_nonzero"):
            setattr(self, name, np.pad(getattr(self, name), ((0, rows), (0, 0))))
        for name in ("_pod_count", "_allowed_pods", "_present", "_unschedulable", "_taint_set"):
            setattr(self, name, np.pad(getattr(self, name), (0, rows)))
        self._labels = {key: np.pad(column, (0, rows)) for key, column in self._labels.items()}

    def _column_for(self, resource: str) -> int:
        column = self.resources.get(resource)
        if column is None:
            column = self.resources[resource] = len(self.resources)
            self._allocatable = np.pad(self._allocatable, ((0, 0), (0, 1)))
            self._requested = np.pad(self._requested, ((0, 0), (0, 1)))
        return column

    def _set_allocatable(self, row: int, node: Node) -> None:
        amounts = parse_resources(node.status.allocatable or node.status.capacity)
        self._allowed_pods[row] = amounts.pop("pods", 0)
        columns = [self._column_for(resource) for resource in amounts]
        self._allocatable[row] = 0
        self._allocatable[row, columns] = list(amounts.values())

    def _intern_taints(self, taints: tuple[Taint, ...]) -> int:
        key = tuple((taint.key, taint.value, taint.effect) for taint in taints)
        found = self._taint_ids.get(key)
        if found is None:
            found = self._taint_ids[key] = len(self.taint_sets)
            self.taint_sets.append(taints)
        return found

    def _label_id(self, node: Node | None, key: str) -> int:
        value = node.metadata.labels.get(key) if node else None
        if value is None:
            return _ABSENT
        return self._label_values.setdefault(value, len(self._label_values) + 1)

    def _drop_images(self, row: int) -> None:
        node = self.nodes[row]
        for image in node.status.images if node else ():
            for name in image.names:
                if self.images[name].pop(row, None) is not None and not self.images[name]:
                    del self.images[name]
