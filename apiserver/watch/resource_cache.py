"""All objects of one resource, their recent past, and their watchers."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from apiserver.limits import EVENT_RING, REMOVALS_EXPECTED
from apiserver.registry.request import StoredObject
from apiserver.watch.events import CacheEvent
from apiserver.watch.watcher import EVERYTHING, Scope, Watcher

Listener = Callable[[CacheEvent], None]
Trigger = Callable[[StoredObject], str]


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    node_name: str = ""


class _Pod(msgspec.Struct):
    spec: _PodSpec = _PodSpec()


_pod = msgspec.json.Decoder(_Pod).decode


def node_of_pod(obj: StoredObject) -> str:
    return _pod(obj.raw).spec.node_name


TRIGGERS: dict[str, tuple[str, Trigger]] = {"pods": ("spec.nodeName", node_of_pod)}
"""By prefix: the field whose watchers have a bucket per value, because every kubelet watches just its own pods."""


class ResourceCache:
    """Changed only by the cacher, in order of revisions; read by anybody on the same event loop."""

    def __init__(self, prefix: str, revision: int) -> None:
        self.prefix = prefix
        self.objects: dict[str, StoredObject] = {}
        self.changed = revision
        """The revision of the last change."""
        self.horizon = revision
        """Every change after this revision is still in the ring."""
        self.listeners: list[Listener] = []
        self._keys: list[str] = []
        self._causes: dict[str, str] = {}
        self._ring: deque[CacheEvent] = deque()
        self._watchers: dict[Scope, dict[Watcher, None]] = {}
        self._trigger: Trigger | None = TRIGGERS[prefix][1] if prefix in TRIGGERS else None

    # --- reading ---

    def get(self, key: str) -> StoredObject | None:
        return self.objects.get(key)

    def range(self, namespace: str = "", start: str = "") -> Iterator[StoredObject]:
        """Objects in order of keys, of one namespace if given, from key `start` on."""
        return (self.objects[key] for key in self._keys[slice(*self._bounds(namespace, start))])

    def count(self, namespace: str = "", start: str = "") -> int:
        low, high = self._bounds(namespace, start)
        return max(0, high - low)

    def _bounds(self, namespace: str, start: str) -> tuple[int, int]:
        low, high = 0, len(self._keys)
        if namespace:
            low, high = bisect_left(self._keys, f"{namespace}/"), bisect_left(self._keys, f"{namespace}0")
        if start:
            low = max(low, bisect_left(self._keys, start))
        return low, high

    def since(self, revision: int) -> list[CacheEvent] | None:
        """What changed after `revision`, in order; None if that is too long ago to know."""
        if revision < self.horizon:
            return None
        found: list[CacheEvent] = []
        for event in reversed(self._ring):
            if event.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    # --- changing ---

    def load(self, obj: StoredObject) -> None:
        """An object that was there before anybody watched; they come in order of keys."""
        self._keys.append(obj.key)
        self.objects[obj.key] = obj

    def put(self, obj: StoredObject) -> None:
        previous = self.objects.get(obj.key)
        if previous is not None and previous.revision >= obj.revision:
            return
        if previous is None:
            insort(self._keys, obj.key)
        self.objects[obj.key] = obj
        self._tell(CacheEvent(obj.revision, obj, previous))

    def remove(self, key: str, revision: int) -> None:
        previous = self.objects.pop(key, None)
        if previous is None:
            return
        del self._keys[bisect_left(self._keys, key)]
        self._tell(CacheEvent(revision, None, previous, self._causes.pop(key, "")))

    def expect_removal(self, key: str, cause: str) -> None:
        """`key` is about to be removed in this trace: etcd's event will not say so, because nothing is written."""
        self._causes.pop(key, None)
        self._causes[key] = cause
        if len(self._causes) > REMOVALS_EXPECTED:
            del self._causes[next(iter(self._causes))]

    def _tell(self, event: CacheEvent) -> None:
        self.changed = event.revision
        self._ring.append(event)
        while len(self._ring) > EVENT_RING:
            self.horizon = self._ring.popleft().revision
        for listener in self.listeners:
            listener(event)
        for scope in self._scopes(event):
            for watcher in self._watchers.get(scope, ()):
                watcher.offer(event)

    # --- watching ---

    def attach(self, watcher: Watcher) -> None:
        self._watchers.setdefault(watcher.scope, {})[watcher] = None

    def detach(self, watcher: Watcher) -> None:
        bucket = self._watchers.get(watcher.scope, {})
        bucket.pop(watcher, None)
        if not bucket:
            self._watchers.pop(watcher.scope, None)

    def watchers(self) -> list[Watcher]:
        return [watcher for bucket in self._watchers.values() for watcher in bucket]

    def _scopes(self, event: CacheEvent) -> set[Scope]:
        obj = event.subject
        scopes = {EVERYTHING, Scope("namespace", obj.namespace), Scope("key", obj.key)}
        if self._trigger is not None and self._watchers.keys() - scopes:
            states = (state for state in (event.object, event.previous) if state is not None)
            scopes |= {Scope("trigger", self._trigger(state)) for state in states}
        return scopes
