"""Gate rules: which messages, and what becomes of them. Pure; `wire.gates` carries them out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, NamedTuple

HIDDEN: Final = "hidden-"
"""Begins the ids of rules that nobody is to be told of: somebody is meant to find out by what they do."""


class Action(Enum):
    """DELAY and REORDER change when a message passes, HOLD leaves that to someone; the others end its way."""

    HOLD = "hold"
    DELAY = "delay"
    DROP = "drop"
    ERROR = "error"
    DUPLICATE = "duplicate"
    REORDER = "reorder"


class Subject(NamedTuple):
    """What the message is about, as far as the gate knows. `kind` may be a kind or a resource's plural."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """Patterns are shell patterns; empty matches all."""

    edge: str
    action: Action
    kind: str = ""
    namespace: str = ""
    name: str = ""
    delay_seconds: float = 0.0
    error_code: str = "UNAVAILABLE"
    count: int = 0  # how many messages it takes; 0 is no end
    id: str = ""
    peer: str = ""  # address of the callee, for rpc: edges
    jitter_seconds: float = 0.0
    probability: float = 1.0
    expires: float = 0.0  # cluster time; 0 is never
    seed: int = 0
    cut: bool = False  # also end the streams of these edges that are open when it is set

    @property
    def hidden(self) -> bool:
        return self.id.startswith(HIDDEN)

    def expired(self, now: float) -> bool:
        return bool(self.expires) and now >= self.expires

    def matches(self, edge: str, subject: Subject, peer: str = "") -> bool:
        return fnmatchcase(edge, self.edge) and self.takes(subject, peer)

    def takes(self, subject: Subject, peer: str = "") -> bool:
        """The same for an edge that is known to match."""
        return (
            (not self.kind or fnmatchcase(fold_kind(subject.kind), fold_kind(self.kind)))
            and (not self.namespace or fnmatchcase(subject.namespace, self.namespace))
            and (not self.name or fnmatchcase(subject.name, self.name))
            and (not self.peer or fnmatchcase(peer, self.peer))
        )


@lru_cache(maxsize=1024)
def fold_kind(kind: str) -> str:
    """A form in which `Pod` and `pods`, `NetworkPolicy` and `networkpolicies` are the same."""
    kind = kind.lower()
    for ending, singular in (("ies", "y"), ("sses", "ss"), ("uses", "us")):
        if kind.endswith(ending):
            return kind.removesuffix(ending) + singular
    return kind if kind.endswith(("ss", "us")) else kind.removesuffix("s")


_PLAIN: Final = {field.name: field.default for field in fields(Rule)}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    **{name: (float, int) if isinstance(plain, float) else (type(plain),) for name, plain in _PLAIN.items()},
    **dict.fromkeys(("edge", "action"), (str,)),
}


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """What differs from a plain rule, for the cluster's file of rules."""
    given = {**asdict(rule), "action": rule.action.value}
    return {name: value for name, value in given.items() if value != _PLAIN[name]}


def rule_from_json(tree: dict[str, Any]) -> Rule:
    """Raises TypeError, KeyError or ValueError for what is no rule."""
    for name, value in tree.items():
        if type(value) not in _KINDS[name]:
            raise TypeError(f"{name}: {value!r}")
    return Rule(**{**tree, "action": Action(tree["action"])})
