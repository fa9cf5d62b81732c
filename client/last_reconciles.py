"""The last reconcile of each key, to answer "why did nothing happen?": who looked, at what, and what came of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from apimachinery.resources import join_key
from client.limits import RECONCILES_KEPT
from client.workqueue import WorkQueue
from wire.seams import Seams
from wire.span import Span


@dataclass(frozen=True, slots=True)
class LastReconcile:
    """`at` is cluster time. `error` is "" if it went well; `again` is in how many seconds it wanted to look again."""

    key: str
    at: float
    seconds: float
    error: str
    again: float | None
    read: str
    decided: str
    traceparent: str


class LastReconciles:
    """Of one controller; bounded, the oldest go first."""

    def __init__(self, controller: str, queue: WorkQueue, seams: Seams, capacity: int = RECONCILES_KEPT) -> None:
        self._controller = controller
        self._queue = queue
        self._seams = seams
        self._capacity = capacity
        self._kept: OrderedDict[str, LastReconcile] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def record(self, key: str, span: Span | None, error: str, again: float | None) -> None:
        """`span` is None if it got no further than its gate."""
        said = span.attributes if span is not None else {}
        self._kept[key] = LastReconcile(
            key=key,
            at=self._seams.clock.time(),
            seconds=span.end - span.start if span is not None else 0.0,
            error=error,
            again=again,
            read=said.get("read", ""),
            decided=said.get("decided", ""),
            traceparent=span.traceparent if span is not None else "",
        )
        self._kept.move_to_end(key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def explain(self, resource: str, namespace: str, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """An Explainer: the key's last reconcile, and where the key is in the queue."""
        key = join_key(namespace, name)
        last, place = self._kept.get(key), self._queue.place(key)
        if last is None and not place:
            return
        facts = asdict(last) if last is not None else {"key": key}
        yield "reconcile", {**facts, "controller": self._controller, "queue": place}
