"""Messages held at gates, of all components: found, let go, lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cli.debugging.durations import show_duration
from cli.debugging.edges import parties
from cli.debugging.fleet import Answers, Fleet
from cli.debugging.hidden import is_hidden
from cli.errors import UserError
from cli.status import table
from proto import debug_pb2

DETAIL_SHOWN = 240


@dataclass(frozen=True)
class HeldMessage:
    """One message, and where it waits. `id` is what people type: `scheduler:12`."""

    component: str
    number: int
    edge: str
    kind: str
    namespace: str
    name: str
    rule_id: str
    traceparent: str
    detail: str
    seconds: float
    arrived: float = 0.0  # on the host's monotonic clock

    @property
    def id(self) -> str:
        return f"{self.component}:{self.number}"

    @property
    def object(self) -> str:
        """`Pod default/web-1`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return " ".join(part for part in (self.kind, place) if part) or "-"


def messages(answers: dict[str, debug_pb2.ListHeldResponse]) -> list[HeldMessage]:
    """In order of arrival, whichever component they arrived at."""
    found = [
        HeldMessage(
            name, one.id, one.edge, one.kind, one.namespace, one.name,
            one.rule_id, one.traceparent, one.detail, one.seconds, one.arrived,
        )
        for name, answer in answers.items()
        for one in answer.held
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.arrived, one.component, one.number))


async def held(fleet: Fleet, pattern: str = "*") -> tuple[list[HeldMessage], Answers[debug_pb2.ListHeldResponse]]:
    answers = await fleet.ask(lambda stub: stub.ListHeld(debug_pb2.ListHeldRequest()), pattern)
    return [one for one in messages(answers.got) if not is_hidden(one.rule_id)], answers


def select(found: Sequence[HeldMessage], ids: Sequence[str], holds: Sequence[str] = ()) -> list[HeldMessage]:
    """Those that `ids` name: `scheduler:12`, or `12` if only one has that number.

    Raises UserError for an id that names nothing or too much; it names those there are, and `holds`.
    """
    chosen: dict[str, HeldMessage] = {}
    for wanted in ids:
        fitting = [one for one in found if wanted in (one.id, str(one.number))]
        if not fitting:
            there = f"there are: {', '.join(one.id for one in found[:10])}" if found else "nothing is"
            in_force = f"; holds in force: {', '.join(holds)}" if holds else ""
            raise UserError(f"{wanted} is not held; {there}{in_force}")
        if len(fitting) > 1:
            raise UserError(f"{wanted} may be {' or '.join(one.id for one in fitting)}; say which")
        chosen[fitting[0].id] = fitting[0]
    return list(chosen.values())


async def release(fleet: Fleet, wanted: Sequence[HeldMessage], *, drop: bool = False) -> Answers[int]:
    """Let messages go, or lose them. Gives how many there still were, by component."""
    by_component: dict[str, list[int]] = defaultdict(list)
    for one in wanted:
        by_component[one.component].append(one.number)

    async def tell(component: str, stub: object) -> int:
        request = debug_pb2.ReleaseRequest(ids=by_component[component], drop=drop)
        return (await fleet.stub(component).Release(request)).released

    return await fleet.ask_each(tell, list(by_component))


def held_table(found: Sequence[HeldMessage]) -> str:
    if not found:
        return "nothing is held"
    rows = [["ID", "EDGE", "OBJECT", "FOR", "RULE"]]
    details = []
    for one in found:
        rows.append([one.id, one.edge, one.object, show_duration(one.seconds), one.rule_id])
        details.append(one.detail[:DETAIL_SHOWN])
    lines = table(rows).splitlines()
    shown = [lines[0]]
    for line, detail in zip(lines[1:], details, strict=True):
        shown += [line, *([f"    {detail}"] if detail else [])]
    return "\n".join(shown)


def one_line(one: HeldMessage) -> str:
    who, whom, _ = parties(one.component, one.edge)
    detail = f": {one.detail[:DETAIL_SHOWN]}" if one.detail else ""
    return f"{one.id}  {who} → {whom}  {one.edge}  {one.object}{detail}"
