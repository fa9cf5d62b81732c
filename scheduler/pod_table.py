"""Which pods are on which rows, grouped: pods of one namespace, the same labels and the same terms are one group.

Selectors are then matched once per group, not once per pod. A group lives as long as it has pods.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from apimachinery.selectors import LabelSelector
from scheduler.framework import Ints
from scheduler.pod_info import PodInfo
from scheduler.pod_terms import Labels, PodTerms, Term

_Key = tuple[str, frozenset[tuple[str, str]], bytes, bool]


@dataclass(eq=False, slots=True)
class PodGroup:
    namespace: str
    labels: Labels
    terms: PodTerms
    terminating: bool
    rows: Counter[int] = field(default_factory=Counter)
    """How many of its pods are on each row."""

    def add_to(self, totals: Ints, weight: int = 1) -> None:
        count = len(self.rows)
        rows = np.fromiter(self.rows.keys(), np.int64, count)
        totals[rows] += weight * np.fromiter(self.rows.values(), np.int64, count)


class PodTable:
    """Bounded by the cluster's pods and namespaces."""

    def __init__(self) -> None:
        self._groups: defaultdict[str, dict[_Key, PodGroup]] = defaultdict(dict)
        self._with_terms: dict[_Key, PodGroup] = {}
        self._namespaces: dict[str, Labels] = {}

    def add(self, row: int, pod: PodInfo) -> None:
        key = _key(pod)
        group = self._groups[pod.pod.namespace].get(key)
        if group is None:
            group = PodGroup(pod.pod.namespace, pod.pod.metadata.labels, pod.terms, key[3])
            self._groups[pod.pod.namespace][key] = group
            if pod.terms.identity:
                self._with_terms[key] = group
        group.rows[row] += 1

    def remove(self, row: int, pod: PodInfo) -> None:
        key, namespace = _key(pod), pod.pod.namespace
        group = self._groups[namespace][key]
        group.rows[row] -= 1
        if not group.rows[row]:
            del group.rows[row]
        if group.rows:
            return
        del self._groups[namespace][key]
        self._with_terms.pop(key, None)
        if not self._groups[namespace]:
            del self._groups[namespace]

    def set_namespace(self, name: str, labels: Labels | None) -> None:
        """None: it is gone."""
        if labels is None:
            self._namespaces.pop(name, None)
        else:
            self._namespaces[name] = labels

    def namespace_labels(self, name: str) -> Labels:
        return self._namespaces.get(name, {})

    @property
    def with_terms(self) -> Iterable[PodGroup]:
        """Groups whose pods have affinity or anti-affinity to pods."""
        return self._with_terms.values()

    def selected(self, namespace: str, selector: LabelSelector) -> Iterator[PodGroup]:
        return (one for one in self._groups.get(namespace, {}).values() if selector.matches(one.labels))

    def matching(self, terms: Iterable[Term]) -> Iterator[PodGroup]:
        """Groups that all `terms` are about."""
        wanted = tuple(terms)
        for namespace, groups in self._groups.items():
            there = self.namespace_labels(namespace)
            if all(term.covers(namespace, there) for term in wanted):
                yield from (one for one in groups.values() if all(term.selector.matches(one.labels) for term in wanted))


def _key(pod: PodInfo) -> _Key:
    metadata = pod.pod.metadata
    labels = frozenset(metadata.labels.items())
    return metadata.namespace, labels, pod.terms.identity, metadata.deletion_timestamp is not None
