"""`--aligned`: the second side's pods are put where the first side put them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from cli.compare.aligning import Aligner
from cli.compare.model import Do, Key, Step, Write
from cli.compare.reading import make_step
from cli.compare.sides import Side

JSON = dict[str, Any]


@dataclass
class FakeJournal:
    writes: list[Write] = field(default_factory=list)
    now: dict[Key, JSON] = field(default_factory=dict)


@dataclass
class FakeFeeder:
    journal: FakeJournal
    taken: list[tuple[Do, str, str]] = field(default_factory=list)

    async def put(self, step: Step) -> None:
        self.taken.append((step.do, step.name, (step.tree.get("spec") or {}).get("nodeName", "")))
        self.journal.writes.append(Write(step.key, 0, True, step.tree or None, None if step.tree else {"spec": {}}))


class FakeSide:
    def __init__(self) -> None:
        self.journal = FakeJournal()
        self.feeder = FakeFeeder(self.journal)

    def places(self, name: str, node: str) -> None:
        """Our pod comes in; whom we watch gives it a node, or none."""
        key = Key("", "pods", "default", name)
        self.journal.now[key] = {"spec": {}}
        self.journal.writes.append(Write(key, 0, True, {"spec": {}}))
        if node:
            self.journal.writes.append(Write(key, 0, False, {"spec": {"nodeName": node}}, {"spec": {}}))


def pod(name: str) -> JSON:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": []}}


async def test_only_what_the_first_side_decided_otherwise_is_put_right_and_only_once() -> None:
    decided = {"same": ("n1", "n1"), "other": ("n1", "n2"), "late": ("n1", ""), "hasty": ("", "n2")}
    first, second = FakeSide(), FakeSide()
    for name, (one, two) in decided.items():
        first.places(name, one)
        second.places(name, two)
    steps = tuple(make_step(pod(name)) for name in decided)
    aligner = Aligner(cast(Side, first), cast(Side, second), steps)
    assert await aligner.align(len(steps))
    assert second.feeder.taken == [
        (Do.DELETE, "other", ""),
        (Do.CREATE, "other", "n1"),
        (Do.DELETE, "late", ""),
        (Do.CREATE, "late", "n1"),
    ]
    assert not await aligner.align(len(steps))
    assert first.feeder.taken == []


async def test_a_pod_that_the_input_has_deleted_is_not_made_again() -> None:
    first, second = FakeSide(), FakeSide()
    first.places("a", "n1")
    second.places("a", "")
    steps = (make_step(pod("a")), make_step({"do": "delete", "object": pod("a")}))
    assert not await Aligner(cast(Side, first), cast(Side, second), steps).align(2)
    assert second.feeder.taken == []
