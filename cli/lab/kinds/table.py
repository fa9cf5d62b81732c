"""Every kind of check, with the facts that it needs and may have beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds import answer, count, etcd, event, gate, object, restarted, snapshot, tidy, trace


@dataclass(frozen=True)
class Kind:
    """`judge` is pure."""

    judge: Callable[[dict[str, Any], Evidence], Verdict]
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    @property
    def takes(self) -> frozenset[str]:
        return self.needs | self.may


_AMOUNT: Final = frozenset({"min", "max"})
_ANSWERS: Final = frozenset({"value", "any_of", "field", "write", "past"})

KINDS: Final[dict[str, Kind]] = {
    "answer": Kind(answer.judge, frozenset({"question"}), _ANSWERS),
    "count": Kind(count.judge, frozenset({"resource"}), _AMOUNT | {"selector", "where"}),
    "etcd": Kind(etcd.judge, frozenset({"key"}), _AMOUNT | {"where"}),
    "event": Kind(event.judge, frozenset({"reason"}), _AMOUNT | {"of"}),
    "gate": Kind(gate.judge, frozenset({"edge", "count"}), _AMOUNT | {"component"}),
    "object": Kind(object.judge, frozenset({"object"}), frozenset({"where", "absent"})),
    "restarted": Kind(restarted.judge, frozenset({"component"}), _AMOUNT),
    "snapshot": Kind(snapshot.judge, frozenset({"file"})),
    "tidy": Kind(tidy.judge),
    "trace": Kind(trace.judge, frozenset({"object", "hops"})),
}
