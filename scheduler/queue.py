"""Pods that wait for a node.

- *active*: to be scheduled now, in the order of the QueueSort plugin.
- *backing off*: something changed that may help, but its last failure is too recent.
- *unschedulable*: waiting for an event that one of the plugins which refused it registered for, or for five minutes
  to pass. A *gated* pod waits here too, refused by a PreEnqueue plugin, and is not moved by time.
- *in flight*: popped and not yet decided. Events that happen meanwhile are remembered, so that a pod which fails just
  after the event that would have helped it is retried.

Each pod is in exactly one of these, by uid. Time comes from the clock; nothing here does any I/O.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from api.pod import Pod
from apimachinery.clock import Clock
from scheduler.events import waiting_pod_event, worth_retrying
from scheduler.framework import ClusterEvent
from scheduler.limits import (
    BACKOFF_INITIAL_SECONDS,
    BACKOFF_MAX_SECONDS,
    IN_FLIGHT_EVENTS,
    LEFTOVER_SECONDS,
)
from scheduler.pod_info import PodInfo, pod_info
from scheduler.profile import Profile


class Place(Enum):
    ACTIVE = "active"
    BACKOFF = "backoff"
    UNSCHEDULABLE = "unschedulable"
    GATED = "gated"
    IN_FLIGHT = "in flight"


@dataclass(slots=True, eq=False)
class Waiting:
    """A pod in the queue and its history there."""

    info: PodInfo
    traceparent: str
    queued_at: float
    place: Place = Place.ACTIVE
    attempts: int = 0
    failed_at: float = 0.0
    refused_by: frozenset[str] = frozenset()
    """Plugins that refused it last time; empty means an error, which any event may have cured."""
    seen_events: int = 0
    entry: int = field(default=-1, repr=False)
    """Which heap entry of its counts; older ones, of another place or priority, are skipped."""

    @property
    def uid(self) -> str:
        return self.info.uid

    @property
    def ready_at(self) -> float:
        if not self.attempts:
            return 0.0
        doubled = BACKOFF_INITIAL_SECONDS * 2.0 ** min(self.attempts - 1, 16)
        return self.failed_at + min(doubled, BACKOFF_MAX_SECONDS)


_Entry = tuple[tuple[float, ...], int, Waiting]


class SchedulingQueue:
    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._pods: dict[str, Waiting] = {}
        self._active: list[_Entry] = []
        self._backoff: list[_Entry] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._events: deque[ClusterEvent] = deque(maxlen=IN_FLIGHT_EVENTS)
        self._event_count = 0

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def counts(self) -> dict[str, int]:
        """How many pods wait where."""
        found = {place.value: 0 for place in Place}
        for waiting in self._pods.values():
            found[waiting.place.value] += 1
        return found

    def place(self, key: str) -> dict[str, Any]:
        """Where a pod, by namespace and name, waits and what for; nothing if it does not."""
        waiting = next((one for one in self._pods.values() if one.info.key == key), None)
        if waiting is None:
            return {}
        return {
            "uid": waiting.uid,
            "place": waiting.place.value,
            "attempts": waiting.attempts,
            "refused_by": sorted(waiting.refused_by),
            "ready_in": max(0.0, waiting.ready_at - self._clock.time()),
        }

    # --- what the watch says -------------------------------------------------------------------------------------

    def add(self, pod: Pod, traceparent: str) -> None:
        if pod.uid in self._pods:
            self.update(pod, traceparent)
            return
        waiting = Waiting(pod_info(pod), traceparent, self._clock.time())
        self._pods[pod.uid] = waiting
        self._enqueue(waiting)

    def update(self, pod: Pod, traceparent: str) -> None:
        """A change of the waiting pod itself may be what it waited for."""
        waiting = self._pods.get(pod.uid)
        if waiting is None:
            self.add(pod, traceparent)
            return
        old = waiting.info.pod
        resort = waiting.place is Place.ACTIVE and (old.spec.priority or 0) != (pod.spec.priority or 0)
        waiting.info = pod_info(pod)
        if resort:
            self._enqueue(waiting)
        if not worth_retrying(old, pod):
            return
        waiting.traceparent = traceparent or waiting.traceparent
        event = waiting_pod_event(old, pod)
        if waiting.place is Place.GATED:
            self._enqueue(waiting)
        elif waiting.place is Place.UNSCHEDULABLE and self._helps(waiting, event):
            self._move(waiting)
        elif waiting.place is Place.IN_FLIGHT:
            self._remember(event)

    def delete(self, uid: str) -> None:
        self._pods.pop(uid, None)

    def move_on(self, event: ClusterEvent) -> int:
        """Move the pods that `event` may help out of the unschedulable ones. Gives how many."""
        self._remember(event)
        moved = [one for one in self._pods.values() if one.place is Place.UNSCHEDULABLE and self._helps(one, event)]
        for waiting in moved:
            self._move(waiting)
        return len(moved)

    # --- what the scheduler does ---------------------------------------------------------------------------------

    async def pop(self) -> Waiting:
        """The next pod to schedule; waits until there is one. It is in flight until `done` or `fail`."""
        while True:
            self._promote()
            waiting = self._take_active()
            if waiting is not None:
                waiting.place = Place.IN_FLIGHT
                waiting.attempts += 1
                waiting.seen_events = self._event_count
                return waiting
            await self._wait()

    def done(self, uid: str) -> None:
        """It has its node (or is not ours any more)."""
        waiting = self._pods.get(uid)
        if waiting is not None and waiting.place is Place.IN_FLIGHT:
            del self._pods[uid]

    def fail(self, waiting: Waiting, refused_by: Iterable[str]) -> None:
        """No node was found, or binding failed. `refused_by` empty: an error, to be retried after its backoff."""
        if self._pods.get(waiting.uid) is not waiting:
            return
        waiting.failed_at = self._clock.time()
        waiting.refused_by = frozenset(refused_by)
        missed = self._missed_events(waiting)
        if not waiting.refused_by or missed is None or any(self._helps(waiting, event) for event in missed):
            self._move(waiting)
        else:
            waiting.place = Place.UNSCHEDULABLE

    def put_back(self, waiting: Waiting) -> None:
        """The attempt was cut short and does not count."""
        if self._pods.get(waiting.uid) is waiting and waiting.place is Place.IN_FLIGHT:
            waiting.attempts -= 1
            self._enqueue(waiting)

    def flush_leftovers(self) -> int:
        """Retry what no event has moved for five minutes. Gives how many there were."""
        oldest = self._clock.time() - LEFTOVER_SECONDS
        stale = [one for one in self._pods.values() if one.place is Place.UNSCHEDULABLE and one.failed_at <= oldest]
        for waiting in stale:
            self._move(waiting)
        return len(stale)

    # --- inside --------------------------------------------------------------------------------------------------

    def _enqueue(self, waiting: Waiting) -> None:
        """To the active pods, unless a PreEnqueue plugin objects."""
        for plugin in self._profile.pre_enqueue:
            status = plugin.pre_enqueue(waiting.info)
            if not status.ok:
                waiting.place = Place.GATED
                waiting.refused_by = frozenset((plugin.name,))
                return
        waiting.place = Place.ACTIVE
        self._push(self._active, self._profile.queue_sort.sort_key(waiting.info, waiting.queued_at), waiting)

    def _move(self, waiting: Waiting) -> None:
        """To the active pods if its backoff is over, else to those backing off."""
        if waiting.ready_at <= self._clock.time():
            self._enqueue(waiting)
            return
        waiting.place = Place.BACKOFF
        self._push(self._backoff, (waiting.ready_at,), waiting)

    def _promote(self) -> None:
        while self._backoff and self._backoff[0][0][0] <= self._clock.time():
            entry = heapq.heappop(self._backoff)
            if self._counts(entry, Place.BACKOFF):
                self._enqueue(entry[2])

    def _take_active(self) -> Waiting | None:
        while self._active:
            entry = heapq.heappop(self._active)
            if self._counts(entry, Place.ACTIVE):
                return entry[2]
        return None

    def _push(self, heap: list[_Entry], key: tuple[float, ...], waiting: Waiting) -> None:
        waiting.entry = next(self._order)
        heapq.heappush(heap, (key, waiting.entry, waiting))
        self._wake.set()

    def _counts(self, entry: _Entry, place: Place) -> bool:
        _, number, waiting = entry
        return waiting.place is place and waiting.entry == number and self._pods.get(waiting.uid) is waiting

    async def _wait(self) -> None:
        self._wake.clear()
        if not self._backoff:
            await self._wake.wait()
            return
        timer = asyncio.ensure_future(self._clock.sleep_until(self._backoff[0][0][0], "scheduling queue: backoff"))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((timer, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            wake.cancel()

    def _helps(self, waiting: Waiting, event: ClusterEvent) -> bool:
        """A plugin that registered nothing may be helped by anything; so may a pod that failed by an error."""
        registered = [self._profile.events.get(plugin) for plugin in waiting.refused_by]
        return not registered or any(
            events is None or any(one.matches(event) for one in events) for events in registered
        )

    def _remember(self, event: ClusterEvent) -> None:
        self._events.append(event)
        self._event_count += 1

    def _missed_events(self, waiting: Waiting) -> list[ClusterEvent] | None:
        """Events since it was popped; None if there were more than are kept."""
        count = self._event_count - waiting.seen_events
        if count > len(self._events):
            return None
        return list(itertools.islice(reversed(self._events), count))
