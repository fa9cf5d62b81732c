"""Every kind of check, with the facts that it needs and may have beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cli.lab.evidence import Evidence, Verdict
from cli.lab.kinds import (
    answer,
    calm,
    count,
    cri,
    diagnosis,
    etcd,
    event,
    gate,
    histories,
    object,
    repaired,
    restarted,
    seen,
    snapshot,
    spread,
    tidy,
    trace,
    trial,
)


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
_ANSWERS: Final = frozenset({"value", "any_of", "field", "write", "past", "newest"})

KINDS: Final[dict[str, Kind]] = {
    "answer": Kind(answer.judge, frozenset({"question"}), _ANSWERS),
    "calm": Kind(calm.judge),
    "count": Kind(count.judge, frozenset({"resource"}), _AMOUNT | {"selector", "where"}),
    "cri": Kind(cri.judge, frozenset({"node", "method"}), _AMOUNT | {"where"}),
    "diagnosis": Kind(diagnosis.judge, frozenset({"question"})),
    "etcd": Kind(etcd.judge, frozenset({"key"}), _AMOUNT | {"where"}),
    "event": Kind(event.judge, frozenset({"reason"}), _AMOUNT | {"of", "by"}),
    "gate": Kind(gate.judge, frozenset({"edge", "count"}), _AMOUNT | {"component"}),
    "histories": Kind(histories.judge, frozenset({"resource"}), _AMOUNT | {"selector", "where"}),
    "object": Kind(object.judge, frozenset({"object"}), frozenset({"where", "absent"})),
    "repaired": Kind(repaired.judge, frozenset({"object"}), frozenset({"where"})),
    "restarted": Kind(restarted.judge, frozenset({"component"}), _AMOUNT),
    "seen": Kind(seen.judge, frozenset({"question"}), frozenset({"cri", "inside", "engine"})),
    "snapshot": Kind(snapshot.judge, frozenset({"file"})),
    "spread": Kind(spread.judge, frozenset({"resource", "path"}), _AMOUNT | {"selector"}),
    "tidy": Kind(tidy.judge),
    "trace": Kind(trace.judge, frozenset({"object", "hops"})),
    "trial": Kind(trial.judge, frozenset({"program", "where"})),
}
