"""The data of a comparison: what is put in, what comes out, and how the two differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from apimachinery.resources import GVR

JSON = dict[str, Any]


class Key(NamedTuple):
    """One object. `namespace` is "" for those that have none."""

    group: str
    resource: str
    namespace: str
    name: str


class Do(Enum):
    """What a step does."""

    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One thing that is put in. `tree` is the object, or the merge patch of a PATCH, or nothing."""

    do: Do
    gvr: GVR
    kind: str
    namespace: str
    name: str
    tree: JSON = field(default_factory=dict)
    where: str = ""
    """Of which file and line."""

    @property
    def key(self) -> Key:
        return Key(self.gvr.group, self.gvr.resource, self.namespace, self.name)

    @property
    def shown(self) -> str:
        return title(self.kind, self.namespace, self.name)


def title(kind: str, namespace: str, name: str) -> str:
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


@dataclass(frozen=True)
class Write:
    """One revision of one object in a side's etcd."""

    key: Key
    revision: int
    ours: bool
    """We put it in, or the apiserver did: it is no deed of whom we watch."""
    tree: JSON | None
    """None for a deletion."""
    before: JSON | None = None
    step: int = 0
    """Number of the step after which it came, from 1; 0 is before the first."""
    traceparent: str = ""


@dataclass(frozen=True)
class Decision:
    """What one implementation made of something. `outcome` is a word or two; "" if it decided nothing."""

    about: str
    """Canonical: the same on both sides if it is the same question."""
    outcome: str = ""
    content: JSON = field(default_factory=dict)
    """Canonical, where the outcome is an object or a part of one."""
    step: int = 0
    said: tuple[str, ...] = ()
    """Its own reasons: Events and conditions that it wrote."""
    group: str = ""
    """If names are drawn by lot: decisions of one group are paired by what they are."""
    key: Key | None = None
    """The object on this side, to ask about it."""


class Verdict(Enum):
    SAME = "same"
    AS_GOOD = "as good"
    DIFFER = "differ"
    ONLY_FIRST = "only first"
    ONLY_SECOND = "only second"
    NEITHER = "never decided"


@dataclass(frozen=True)
class Finding:
    """One question and both answers. `changes` are lines of a diff, from the first side to the second."""

    about: str
    verdict: Verdict
    first: Decision | None = None
    second: Decision | None = None
    changes: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    """Reasons of ours, if one of the two is ours."""
    note: str = ""
