"""Waiting: a moment for more of the same, and until there is something to look at again.

What is computed from all pods of an owner costs as much as there are pods. If each of a thousand pods woke its owner
by itself, a rollout would cost their square; so with many pods a change waits, in proportion, for the next ones.
"""

from __future__ import annotations

from client.workqueue import WorkQueue
from controller_manager.limits import SETTLE_FROM_PODS, SETTLE_SECONDS_PER_POD


def wake(queue: WorkQueue, key: str, pods: int) -> None:
    """Queue `key`, which has about so many pods, now or in a moment."""
    if pods < SETTLE_FROM_PODS:
        queue.add(key)
    else:
        queue.add_after(key, pods * SETTLE_SECONDS_PER_POD)


def soonest(*waits: float | None) -> float | None:
    """Of several reasons to look again, in seconds, the first to come; None if there is none."""
    return min((wait for wait in waits if wait is not None), default=None)
