"""A profile: the plugins of one scheduler name, sorted by extension point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler import framework
from scheduler.framework import ClusterEvent, Plugin


@dataclass(frozen=True)
class Profile:
    scheduler_name: str
    weights: Mapping[str, int]
    queue_sort: framework.QueueSort
    pre_enqueue: tuple[framework.PreEnqueue, ...]
    pre_filter: tuple[framework.PreFilter, ...]
    filter: tuple[framework.Filter, ...]
    post_filter: tuple[framework.PostFilter, ...]
    pre_score: tuple[framework.PreScore, ...]
    score: tuple[framework.Score, ...]
    normalize_score: Mapping[str, framework.NormalizeScore]
    reserve: tuple[framework.Reserve, ...]
    permit: tuple[framework.Permit, ...]
    pre_bind: tuple[framework.PreBind, ...]
    bind: tuple[framework.Bind, ...]
    post_bind: tuple[framework.PostBind, ...]
    events: Mapping[str, tuple[ClusterEvent, ...]]
    """Per plugin, the events that could undo its refusal."""


def make_profile(scheduler_name: str, plugins: Iterable[Plugin], weights: Mapping[str, int]) -> Profile:
    """Raises ValueError unless exactly one plugin sorts the queue."""
    everything = tuple(plugins)
    sorts = _those(everything, framework.QueueSort)
    if len(sorts) != 1:
        raise ValueError(f"profile {scheduler_name}: one QueueSort plugin is needed, there are {len(sorts)}")
    return Profile(
        scheduler_name=scheduler_name,
        weights=weights,
        queue_sort=sorts[0],
        pre_enqueue=_those(everything, framework.PreEnqueue),
        pre_filter=_those(everything, framework.PreFilter),
        filter=_those(everything, framework.Filter),
        post_filter=_those(everything, framework.PostFilter),
        pre_score=_those(everything, framework.PreScore),
        score=_those(everything, framework.Score),
        normalize_score={one.name: one for one in _those(everything, framework.NormalizeScore)},
        reserve=_those(everything, framework.Reserve),
        permit=_those(everything, framework.Permit),
        pre_bind=_those(everything, framework.PreBind),
        bind=_those(everything, framework.Bind),
        post_bind=_those(everything, framework.PostBind),
        events={one.name: tuple(one.events_to_register()) for one in _those(everything, framework.EnqueueExtensions)},
    )


def _those(plugins: tuple[Plugin, ...], point: Any) -> tuple[Any, ...]:
    """Those that implement a protocol; mypy will not take a protocol as a `type[P]`."""
    return tuple(one for one in plugins if isinstance(one, point))
