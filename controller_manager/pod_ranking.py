"""Which pods go first when a set of pods shrinks. The order is upstream's `ActivePodsWithRanks`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import Final

from apimachinery.timestamps import parse_time
from controller_manager.pods import PodView, is_ready, ready_since, restarts

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}


def choose_to_delete(
    pods: Sequence[PodView], count: int, related_on_node: Mapping[str, int], now: float
) -> list[PodView]:
    """The first `count` to go. `related_on_node`: pods of the same owner's sets, by node: crowded nodes lose first."""
    if count >= len(pods):
        return list(pods)

    def compare(one: PodView, other: PodView) -> int:
        for left, right in zip(_rank(one, related_on_node), _rank(other, related_on_node), strict=True):
            if left != right:
                return -1 if left < right else 1
        return _by_age(one, other, now)

    return sorted(pods, key=cmp_to_key(compare))[:count]


def _rank(pod: PodView, related_on_node: Mapping[str, int]) -> tuple[int, int, bool, int, int]:
    """Unassigned, then not running, not ready, cheap, and on crowded nodes."""
    return (
        1 if pod.spec.node_name else 0,
        _PHASES.get(pod.status.phase, 0),
        is_ready(pod),
        _cost(pod),
        -related_on_node.get(pod.spec.node_name, 0),
    )


def _cost(pod: PodView) -> int:
    text = pod.metadata.annotations.get(DELETION_COST, "0")
    try:
        return int(text)
    except ValueError:
        return 0  # an invalid cost counts as none; the apiserver refuses new ones


def _by_age(one: PodView, other: PodView, now: float) -> int:
    """Ready for a shorter time first, then more restarts, then younger. Times compare by order of magnitude."""
    left, right = ready_since(one), ready_since(other)
    if left is not None and right is not None and left != right:
        return _magnitude(left, now) - _magnitude(right, now) or _compare(one.uid, other.uid)
    if restarts(one) != restarts(other):
        return -1 if restarts(one) > restarts(other) else 1
    born, born_other = _created(one), _created(other)
    if born != born_other:
        return _magnitude(born, now) - _magnitude(born_other, now) or _compare(one.uid, other.uid)
    return _compare(one.uid, other.uid)


def _magnitude(since: float, now: float) -> int:
    """log2 of the age in nanoseconds; -1 for an age of nothing."""
    age = now - since
    return int(math.log2(age * 1e9)) if age > 0 else -1


def _created(pod: PodView) -> float:
    return parse_time(pod.metadata.creation_timestamp) if pod.metadata.creation_timestamp else 0.0


def _compare(left: str, right: str) -> int:
    return (left > right) - (left < right)
