"""An object without what two runs never have in common: names and ids drawn by lot, times, addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cli.compare.model import JSON

_BOOKKEEPING: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "generateName", "selfLink",
     "ownerReferences"}
)  # fmt: skip
TELLING_CHARS: Final = 6  # a shorter name may stand in a text by chance
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
_TOKEN_VOLUME: Final = re.compile(r"kube-api-access-[a-z0-9]{5}\b")
_ADDRESSES: Final = frozenset({"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort"})
_NO_ADDRESS: Final = (None, "", "None", ["None"])
HASH_LABELS: Final = ("pod-template-hash", "controller-revision-hash", "controller.kubernetes.io/hash")


@dataclass(frozen=True)
class Lots:
    """What was drawn in one run, and what it is called in every run: names, uids, hashes."""

    names: Mapping[str, str] = field(default_factory=dict)

    def said(self, text: str) -> str:
        """Longest first: a pod's name holds its ReplicaSet's."""
        if text in self.names:
            return self.names[text]
        for name in self._longest:
            if name in text:
                text = text.replace(name, self.names[name])
        return _TOKEN_VOLUME.sub("kube-api-access", text)

    @cached_property
    def _longest(self) -> list[str]:
        return sorted((one for one in self.names if len(one) >= TELLING_CHARS), key=lambda one: (-len(one), one))


def canonical(obj: JSON, lots: Lots, *, drawn: bool) -> JSON:
    """`drawn` says that its own name was drawn by lot."""
    metadata = obj.get("metadata") or {}
    left_out = _BOOKKEEPING | {"name"} if drawn else _BOOKKEEPING
    kept = {name: value for name, value in metadata.items() if name not in left_out}
    tree = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
    found = _plain({**tree, "metadata": kept}, lots, metadata.get("generation"))
    assert isinstance(found, dict)
    return found


def _plain(value: Any, lots: Lots, generation: int | None) -> Any:
    if isinstance(value, dict):
        return {lots.said(name): _field(name, inner, lots, generation) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        items = [_plain(one, lots, generation) for one in value]
        return sorted(items, key=_by_type) if items and all(_is_condition(one) for one in items) else items
    if isinstance(value, str):
        return "<time>" if _TIME.fullmatch(value) else lots.said(value)
    return value


def _field(name: str, value: Any, lots: Lots, generation: int | None) -> Any:
    if name == "observedGeneration":
        return "behind" if isinstance(generation, int) and value < generation else "current"
    if name in _ADDRESSES and value not in _NO_ADDRESS:
        return "<allocated>"
    return _plain(value, lots, generation)


def _is_condition(one: Any) -> bool:
    return isinstance(one, dict) and "type" in one and "status" in one


def _by_type(one: JSON) -> str:
    return str(one["type"])


def changed(base: Any, final: Any) -> Any:
    """The part of `final` that is not as in `base`; {} if nothing is. What was taken away is null."""
    if not isinstance(base, dict) or not isinstance(final, dict):
        return final if base != final else {}
    found: JSON = {}
    for name, value in final.items():
        if name not in base:
            found[name] = value
        elif base[name] != value:
            found[name] = changed(base[name], value)
    return found | {name: None for name in base if name not in final}
