"""A pod's inter-pod affinity and anti-affinity, parsed once: which pods each term is about, and per what topology.

Rules: API reference, `PodAffinityTerm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from api.meta import LabelSelector as JsonSelector
from api.placement import PodAffinity, PodAffinityTerm
from api.pod import Pod
from apimachinery.selectors import NOTHING, LabelSelector, Requirement, from_match

Labels = Mapping[str, str]


class Term(NamedTuple):
    topology_key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    namespace_selector: LabelSelector

    def matches(self, namespace: str, namespace_labels: Labels, labels: Labels) -> bool:
        return self.covers(namespace, namespace_labels) and self.selector.matches(labels)

    def covers(self, namespace: str, namespace_labels: Labels) -> bool:
        return namespace in self.namespaces or self.namespace_selector.matches(namespace_labels)


class Preference(NamedTuple):
    weight: int
    """Negative for anti-affinity."""
    term: Term


@dataclass(frozen=True, slots=True)
class PodTerms:
    near: tuple[Term, ...] = ()
    """Required affinity."""
    apart: tuple[Term, ...] = ()
    """Required anti-affinity."""
    preferences: tuple[Preference, ...] = ()
    identity: bytes = b""
    """The same for pods of the same labels and namespace whose terms are the same; empty without any."""


NO_TERMS: Final = PodTerms()
_NEITHER: Final = PodAffinity()


def pod_terms(pod: Pod) -> PodTerms:
    affinity = pod.spec.affinity
    if affinity is None or (affinity.pod_affinity is None and affinity.pod_anti_affinity is None):
        return NO_TERMS
    near, apart = affinity.pod_affinity or _NEITHER, affinity.pod_anti_affinity or _NEITHER
    return PodTerms(
        near=_terms(near.required_during_scheduling_ignored_during_execution, pod),
        apart=_terms(apart.required_during_scheduling_ignored_during_execution, pod),
        preferences=(*_preferences(near, pod, 1), *_preferences(apart, pod, -1)),
        identity=msgspec.json.encode((affinity.pod_affinity, affinity.pod_anti_affinity)),
    )


def parse(selector: JsonSelector | None) -> LabelSelector:
    return NOTHING if selector is None else from_match(selector.match_labels, selector.match_expressions)


def with_keys(selector: LabelSelector, labels: Labels, same: Iterable[str], other: Iterable[str] = ()) -> LabelSelector:
    """Also ask for the pod's own value of each label in `same`, and for another one of each in `other`."""
    more = [Requirement(key, "in", frozenset((labels[key],))) for key in same if key in labels]
    more += [Requirement(key, "notin", frozenset((labels[key],))) for key in other if key in labels]
    return LabelSelector((*selector.requirements, *more), selector.nothing) if more else selector


def _terms(terms: Iterable[PodAffinityTerm], pod: Pod) -> tuple[Term, ...]:
    return tuple(_term(term, pod) for term in terms)


def _preferences(affinity: PodAffinity, pod: Pod, sign: int) -> list[Preference]:
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    return [Preference(sign * one.weight, _term(one.pod_affinity_term, pod)) for one in preferred]


def _term(term: PodAffinityTerm, pod: Pod) -> Term:
    named = frozenset(term.namespaces)
    if not named and term.namespace_selector is None:
        named = frozenset((pod.namespace,))
    selector = with_keys(
        parse(term.label_selector), pod.metadata.labels, term.match_label_keys, term.mismatch_label_keys
    )
    return Term(term.topology_key, selector, named, parse(term.namespace_selector))
