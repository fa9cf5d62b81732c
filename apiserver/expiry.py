"""Events live for an hour of the cluster's time. An etcd lease would follow real time, so this is a loop of ours."""

from __future__ import annotations

import logging
from typing import Final

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apimachinery.timestamps import parse_time
from apiserver.limits import EVENT_SWEEP_SECONDS, EVENT_TTL_SECONDS
from apiserver.registry.internal import InternalObjects
from apiserver.registry.request import JSON
from apiserver.watch.cacher import Cacher

log = logging.getLogger(__name__)

EVENTS: Final = GVR("", "v1", "events")


async def expire_events(cacher: Cacher, objects: InternalObjects, clock: Clock) -> None:
    """Remove Events that nobody has written to for their lifetime. Several apiservers may do so at once."""
    while True:
        await clock.sleep(EVENT_SWEEP_SECONDS, "removal of old Events")
        oldest = clock.time() - EVENT_TTL_SECONDS
        stale = [obj for obj in cacher.resource("events").range() if last_written(obj.copy()) < oldest]
        for obj in stale:
            try:
                await objects.expire(EVENTS, obj)
            except ApiError as error:
                if error.reason not in ("NotFound", "Conflict"):
                    log.warning("Event %s was not removed: %s", obj.key, error.message)
                    break


def last_written(event: JSON) -> float:
    """Unix seconds of the newest time that an Event bears, or of its creation."""
    series = event.get("series") or {}
    texts = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return max((parse_time(text) for text in texts if text), default=0.0)
