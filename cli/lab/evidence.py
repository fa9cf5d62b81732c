"""What checks may look at. They see a cluster only through this, so that they are pure functions of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cli.lab.broken.riddle import Riddle
    from cli.lab.nodes import Nodes

JSON = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """One revision of a key. `tree` is {} for a deletion."""

    revision: int
    number: int
    """1 is the creation; 0 a deletion."""
    writer: str = ""
    tree: JSON = field(default_factory=dict)

    def facts(self) -> JSON:
        return {"revision": self.revision, "number": self.number, "writer": self.writer, "object": self.tree}


@dataclass(frozen=True)
class Counter:
    """An edge of one component: what went through since the lab began."""

    component: str
    edge: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Trial:
    """What came of running the student's program. `stopped`: why it did not get to its end; "" if it did."""

    place: str
    """Where it was, for the student to look at."""
    facts: JSON = field(default_factory=dict)
    stopped: str = ""


@dataclass(frozen=True)
class Verdict:
    """`looked`: what was looked at and what was there. `missing`: what is not as it should be; "" if all is."""

    looked: str
    missing: str = ""

    @property
    def met(self) -> bool:
        return not self.missing


class Evidence(Protocol):
    """Of one cluster and one student's work on one lab."""

    def object(self, name: str) -> JSON | None:
        """`pod/web`, of the lab's namespace; None if there is none."""

    def objects(self, resource: str, selector: str) -> list[JSON]:
        """Of the lab's namespace, or of the cluster if they have none."""

    def answers(self) -> JSON:
        """The student's `answers.yaml`."""

    def history(self, name: str) -> list[Write]:
        """Of an object's key, the oldest first; none if etcd has no memory of it."""

    def counters(self) -> list[Counter]:
        """Of every edge, since the lab was started."""

    def hops(self, name: str) -> list[str]:
        """Spans of what the object's creation set off, as `COMPONENT NAME`, by time."""

    def unusual(self) -> list[str]:
        """Forgotten faults, holds, frozen processes, a clock that stands."""

    def snapshot(self, file: str) -> JSON | None:
        """`revision` and `totalKey` of an etcd snapshot in the student's folder; None if there is none."""

    def trial(self, program: str) -> Trial:
        """Of the student's program, by a script in the lab's folder. Run once."""

    def restarts(self, component: str) -> int:
        """How often it began anew since the lab was started."""

    def nodes(self) -> Nodes:
        """What is to be seen on nodes themselves."""

    def riddle(self) -> Riddle:
        """Of a lab that hides a fault."""
