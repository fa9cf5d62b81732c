"""Following one object, and what belongs to it under other names: Events, a pod's sandbox and containers."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from cli.kinds import Named
from proto.debug_pb2 import WireMessage
from wire.rules import fold_kind


class Follower:
    """Say every message to it, in order: `follows` learns from each."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._kind = fold_kind(named.kind)
        self._ids: set[str] = set()  # of sandboxes and containers; as many as the pod ever has

    def follows(self, message: WireMessage) -> bool:
        kind = fold_kind(message.kind)
        if kind == self._kind and self._here(message) and fnmatchcase(message.name, self._named.name):
            self._learn(message)
            return True
        if kind == "event" and self._here(message):
            return fnmatchcase(message.name, f"{self._named.name}.*")
        return self._kind == "pod" and message.name in self._ids

    def _here(self, message: WireMessage) -> bool:
        return not self._named.namespace or fnmatchcase(message.namespace, self._named.namespace)

    def _learn(self, message: WireMessage) -> None:
        if "RuntimeService" not in message.method or not message.response:
            return
        answer: Any = json.loads(message.response)
        for field in ("pod_sandbox_id", "container_id"):
            if isinstance(answer, dict) and answer.get(field):
                self._ids.add(answer[field])
