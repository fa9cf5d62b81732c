"""Handlers that look something up in another informer: they are told nothing before that one is complete.

A component that starts hears of all resources at once, in any order. A pod that is heard of before the Service that
selects it would wake nobody; the Service wakes itself later, but for its own sake: what changed the pod while nobody
listened would have lost its effect, in the trace.
"""

from __future__ import annotations

from typing import Any, TypeVar

from api.meta import KubeObject
from client.informer import Event, Handler, Informer
from wire import trace

T = TypeVar("T", bound=KubeObject)


def after(first: Informer[Any], handler: Handler[T]) -> Handler[T]:
    """`handler`, to which what comes before `first` is synced is told then: in order, each in its own trace context.

    What waits is no more than what the handler's own informer holds anyway, and what changes in between.
    """
    early: list[Event[T]] = []

    def tell(event: Event[T]) -> None:
        if first.synced:
            handler(event)
        else:
            early.append(event)

    def catch_up() -> None:
        for event in early:
            token = trace.attach(event.traceparent)
            try:
                handler(event)
            finally:
                trace.detach(token)
        early.clear()

    first.when_synced(catch_up)
    return tell
