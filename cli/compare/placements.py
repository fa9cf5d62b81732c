"""What a scheduler decided: for each pod that was put in without a node, which it got. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cli.compare.kinds import kind_of
from cli.compare.model import JSON, Decision, Do, Key, Step, Write, title
from cli.compare.reasons import reasons

GONE = "deleted"


@dataclass(frozen=True)
class Life:
    """A pod of the input from its creation to its end; a name may be used again."""

    key: Key
    number: int
    begins: int
    ends: int
    """Numbers of steps; the last is not its own any more."""

    @property
    def about(self) -> str:
        again = f" (number {self.number})" if self.number > 1 else ""
        return title("Pod", self.key.namespace, self.key.name) + again


def placements(steps: Sequence[Step], writes: Sequence[Write]) -> list[Decision]:
    """In the order of the input; then whatever else was written."""
    found = [_placement(life, writes) for life in lives(steps)]
    return [*found, *_others({step.key for step in steps}, writes)]


def lives(steps: Sequence[Step]) -> list[Life]:
    """Of pods that are put in without a node."""
    found: list[Life] = []
    for number, step in enumerate(steps, 1):
        if step.do is Do.CREATE and step.kind == "Pod" and not (step.tree.get("spec") or {}).get("nodeName"):
            earlier = sum(one.key == step.key for one in found)
            later = (n for n, one in enumerate(steps, 1) if n > number and one.key == step.key and one.do is Do.CREATE)
            found.append(Life(step.key, earlier + 1, number, next(later, len(steps) + 1)))
    return found


class Chosen:
    """The same as it comes: the node that each pod got first from whom we watch."""

    def __init__(self) -> None:
        self.nodes: dict[Key, str] = {}
        self._seen = 0

    def take(self, writes: Sequence[Write]) -> None:
        """All writes so far; those seen before are passed over."""
        for one in writes[self._seen :]:
            if one.key.resource != "pods":
                continue
            if one.ours and one.before is None:
                self.nodes.pop(one.key, None)
                if node := _node(one.tree):  # put there by us: there is nothing left to decide
                    self.nodes[one.key] = node
            elif not one.ours and (decided := _decided(one)):
                self.nodes.setdefault(one.key, decided)
        self._seen = len(writes)


def _placement(life: Life, writes: Sequence[Write]) -> Decision:
    mine = [one for one in writes if one.key == life.key and life.begins <= one.step < life.ends]
    outcome, step = "", 0
    for one in mine:
        if not one.ours and (decided := _decided(one)):
            outcome, step = decided, one.step
            break
    of_this_time = [one for one in writes if life.begins <= one.step < life.ends]
    return Decision(life.about, outcome, step=step, said=reasons(life.key, of_this_time), key=life.key)


def _decided(write: Write) -> str:
    if write.tree is None:
        return GONE
    return "" if _node(write.before) else _node(write.tree)


def _node(pod: JSON | None) -> str:
    return str(((pod or {}).get("spec") or {}).get("nodeName") or "")


def _others(put_in: set[Key], writes: Iterable[Write]) -> list[Decision]:
    """What is no business of a scheduler, or of ours not: other objects made, changed or deleted."""
    found: dict[Key, Decision] = {}
    for one in writes:
        placed = one.key in put_in and one.key.resource == "pods" and one.tree is not None
        if one.ours or placed or one.key.resource == "events" or one.step == 0:
            continue
        word = GONE if one.tree is None else "changed" if one.before else "created"
        about = title(kind_of(one.key), one.key.namespace, one.key.name)
        if one.key not in found or word == GONE:
            found[one.key] = Decision(about, word, step=one.step, key=one.key)
    return [one for one in found.values() if one.key is None or not (one.key in put_in and one.key.resource == "pods")]
