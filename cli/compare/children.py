"""What controllers decided: what became of the objects that were put in, and of all that descends from them. Pure.

Many of the latter have names drawn by lot. Such a one is called after its owner, "Pod of ReplicaSet of Deployment
default/web", and is compared with those of the other side that are called the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from apimachinery.merge_patch import apply
from cli.compare.canonical import HASH_LABELS, Lots, canonical, changed
from cli.compare.kinds import kind_of
from cli.compare.model import JSON, Decision, Key, Step, Write, title
from cli.compare.reasons import reasons

CREATED, CHANGED, GONE = "created", "changed", "deleted"
_DRAWN: Final = frozenset({
    ("CronJob", "Job"), ("DaemonSet", "ControllerRevision"), ("DaemonSet", "Pod"), ("Deployment", "ReplicaSet"),
    ("Job", "Pod"), ("ReplicaSet", "Pod"), ("ReplicationController", "Pod"), ("Service", "EndpointSlice"),
    ("StatefulSet", "ControllerRevision"),
})  # fmt: skip
"""Whose names nobody relies on: owner and owned."""


@dataclass
class _Object:
    """One object in the course of a run."""

    key: Key
    tree: JSON
    put_in: bool
    base: JSON
    """As it would be had nobody but us written it."""
    alive: bool = True
    taken_away: bool = False
    """By us: a step of the input."""
    step: int = 0
    about: str = ""
    group: str = ""


def consequences(steps: Sequence[Step], writes: Sequence[Write]) -> list[Decision]:
    """Objects put in that were changed or deleted, and what descends from objects put in, as it is in the end."""
    objects = _fold({step.key for step in steps}, writes)
    known = _called(objects)
    lots = _lots(known)
    return [one for obj in known if (one := _decision(obj, lots, writes)) is not None]


def _fold(put_in: set[Key], writes: Iterable[Write]) -> list[_Object]:
    """In order of their creation. An object that is made again under its name is another one."""
    every: list[_Object] = []
    now: dict[Key, _Object] = {}
    for one in writes:
        obj = now.get(one.key)
        if one.tree is None:
            if obj is not None:
                obj.alive, obj.taken_away, obj.step = False, one.ours, one.step
                now.pop(one.key)
            continue
        if obj is None:
            obj = now[one.key] = _Object(one.key, one.tree, one.key in put_in and one.ours, one.tree)
            every.append(obj)
        elif one.ours:
            obj.base = apply(obj.base, _patch(one.before or {}, one.tree))
        obj.tree = one.tree
        if not one.ours:
            obj.step = one.step
    return every


def _patch(before: JSON, after: JSON) -> JSON:
    """The merge patch that leads from one to the other."""
    found = changed(before, after)
    assert isinstance(found, dict)
    return found


def _called(objects: list[_Object]) -> list[_Object]:
    """Those that are in question, with their names for both sides."""
    by_uid: dict[str, _Object] = {}
    called: Counter[str] = Counter()
    known = []
    for obj in objects:
        kind = kind_of(obj.key)
        refs = obj.tree["metadata"].get("ownerReferences") or []
        owner = next((by_uid[one["uid"]] for one in refs if one.get("uid") in by_uid), None)
        if not obj.put_in and owner is None:
            continue
        name = title(kind, obj.key.namespace, obj.key.name)
        if owner is not None and not obj.put_in and _is_drawn(obj.tree, kind_of(owner.key), kind):
            name = obj.group = f"{kind} of {owner.about}"
        called[name] += 1
        if obj.group:
            obj.about = f"{kind} #{called[name]} of {owner.about if owner is not None else ''}"
        else:
            obj.about = name + (f" (number {called[name]})" if called[name] > 1 else "")
        by_uid[str(obj.tree["metadata"]["uid"])] = obj
        known.append(obj)
    return known


def _is_drawn(tree: JSON, owner_kind: str, kind: str) -> bool:
    """Is its name one that another run, or another implementation, would not give?"""
    return (owner_kind, kind) in _DRAWN or "generateName" in tree["metadata"]


def _lots(known: list[_Object]) -> Lots:
    """Pods of one owner are interchangeable: which of them a controller takes away may be a lot, too."""
    names: dict[str, str] = {}
    for obj in known:
        metadata, address = obj.tree["metadata"], (obj.tree.get("status") or {}).get("podIP")
        called = obj.group if obj.group.startswith("Pod ") else obj.about
        names[str(metadata["uid"])] = f"<uid of {called}>"
        if obj.group:
            names[str(metadata["name"])] = f"<{called}>"
        if address:
            names[str(address)] = f"<address of {called}>"
        for label in HASH_LABELS:
            if (metadata.get("labels") or {}).get(label):
                names[str(metadata["labels"][label])] = "<hash>"
    return Lots(names)


def _decision(obj: _Object, lots: Lots, writes: Sequence[Write]) -> Decision | None:
    if obj.taken_away or not (obj.alive or obj.put_in):
        return None
    if not obj.alive:
        outcome, content = GONE, {}
    elif obj.put_in:
        content = changed(*(canonical(one, lots, drawn=False) for one in (obj.base, obj.tree)))
        outcome = CHANGED if content else ""
    else:
        outcome, content = CREATED, canonical(obj.tree, lots, drawn=bool(obj.group))
    said = reasons(obj.key, writes)
    if not outcome and not said:
        return None
    return Decision(obj.about, outcome, content, obj.step, said, obj.group, obj.key)
