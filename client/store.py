"""The indexed cache under an informer: objects by key, and keys by index value."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Generic

from api.meta import T

IndexFunction = Callable[[T], Iterable[str]]

NAMESPACE_INDEX = "namespace"


class Store(Generic[T]):
    """Objects are frozen, so what is handed out may be kept but never changes."""

    def __init__(self, indexes: dict[str, IndexFunction[T]]) -> None:
        self._objects: dict[str, T] = {}
        self._functions: dict[str, IndexFunction[T]] = {}
        self._indexes: dict[str, dict[str, dict[str, None]]] = {}
        self.add_index(NAMESPACE_INDEX, lambda obj: (obj.metadata.namespace,))
        for name, function in indexes.items():
            self.add_index(name, function)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Index what is there and what comes. The same name again replaces nothing: the first stays."""
        if name in self._functions:
            return
        self._functions[name] = function
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._insert(name, key, obj)

    def get(self, key: str) -> T | None:
        return self._objects.get(key)

    def list(self) -> builtins.list[T]:
        return list(self._objects.values())

    def keys(self) -> set[str]:
        return set(self._objects)

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        return [self._objects[key] for key in self._indexes[index].get(value, ())]

    def put(self, obj: T) -> T | None:
        """Add or replace; gives what was there."""
        key = obj.key
        old = self.pop(key)
        self._objects[key] = obj
        for name in self._functions:
            self._insert(name, key, obj)
        return old

    def pop(self, key: str) -> T | None:
        old = self._objects.pop(key, None)
        if old is not None:
            for name in self._functions:
                self._remove(name, key, old)
        return old

    def __len__(self) -> int:
        return len(self._objects)

    def _insert(self, name: str, key: str, obj: T) -> None:
        index = self._indexes[name]
        for value in self._functions[name](obj):
            index.setdefault(value, {})[key] = None

    def _remove(self, name: str, key: str, obj: T) -> None:
        index = self._indexes[name]
        for value in self._functions[name](obj):
            keys = index.get(value, {})
            keys.pop(key, None)
            if not keys:
                index.pop(value, None)
