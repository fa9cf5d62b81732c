"""Gathering the spans of traces from every component, across links, until nothing new comes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from itertools import islice

import grpc

from cli.debugging.fleet import Fleet, Stub
from cli.debugging.hidden import why_silent
from cli.tracing.limits import (
    COLLECT_SECONDS,
    POLL_SECONDS,
    ROOT_TRIES,
    ROUNDS,
    SPANS_REMEMBERED,
    TRACES_FOLLOWED,
)
from cli.tracing.settled import expected, quiet_needed
from cli.tracing.tree import Tree, build, reachable
from proto import debug_pb2
from wire.span import Span, related, with_steps
from wire.span_file import read_spans, span_file


class Collector:
    """`away` says which components could not be asked, and why; `missing`, of which of them nothing is known.

    What was over when it was seen is remembered: a long trace may outlast what a busy component keeps.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._over: dict[str, Span] = {}
        self.away: dict[str, str] = {}
        self.missing: set[str] = set()
        self.unrest = ""
        """Why the tree cannot be called complete."""

    def complaints(self) -> list[str]:
        """What the tree may lack: who could not be asked, and what may be yet to come."""
        lost = "its spans are missing"
        told = "its spans are from its file"
        asked = [
            f"not asked: {component} ({why}); {lost if component in self.missing else told}"
            for component, why in self.away.items()
        ]
        return [*asked, f"not at rest: {self.unrest}"] if self.unrest else asked

    async def gather(self, traces: frozenset[str]) -> list[Span]:
        """Spans of `traces` and, across links, what they caused in other traces."""
        spans = dict(self._over)
        asked: frozenset[str] = frozenset()
        wanted = traces
        for _ in range(ROUNDS):
            for span in await self._everywhere(debug_pb2.SpansRequest(related=sorted(wanted - asked))):
                spans[span.span_id] = span
            asked |= wanted
            found = frozenset(span.trace_id for span in reachable(spans.values(), traces))
            wanted = asked | frozenset(sorted(found - asked)[: TRACES_FOLLOWED - len(asked)])
            if wanted == asked:
                break
        self._over = dict(islice(((one.span_id, one) for one in spans.values() if one.end), SPANS_REMEMBERED))
        return list(spans.values())

    async def roots_of(self, clients: Iterable[str], since: float) -> list[Span]:
        """Requests that came to the apiserver over these connections (address and port), the first first.

        None from before `since` (real time): a port is used again, and the apiserver's memory may be longer.
        """
        wanted = set(clients)
        roots: list[Span] = []
        for attempt in range(ROOT_TRIES if wanted else 0):
            await asyncio.sleep(POLL_SECONDS if attempt else 0)
            spans = await self._of("apiserver", debug_pb2.SpansRequest())
            fresh = [span for span in spans if span.start >= since and not span.parent_id]
            roots = [span for span in fresh if span.attributes.get("client") in wanted]
            if roots:
                break
        return sorted(roots, key=lambda span: span.start)

    async def until_quiet(self, traces: frozenset[str], wait: float, root: Span | None = None) -> Tree:
        """The tree once it stands still, or what there is of it after `wait` seconds."""
        began = since = time.monotonic()
        seen: int | None = None
        while True:
            tree = build(await self.gather(traces), traces, root)
            now, size = time.monotonic(), len(tree.nodes())
            self.unrest, needed = await self._unrest(tree, 0 if seen is None else size - seen)
            seen = size
            if self.unrest:
                since = now
            elif now - since >= needed:
                return tree
            if now - began >= wait:
                return tree
            await asyncio.sleep(POLL_SECONDS)

    async def _unrest(self, tree: Tree, grown: int) -> tuple[str, float]:
        """Why there is more to come; if nothing says so, "" and for how many seconds that must last."""
        under_way = [span for span in tree.under_way if span.component not in self.away]
        if under_way:
            first = under_way[0]
            return f"{first.name} of {first.component} is under way", 0
        if away := expected(self._fleet, self.away):
            return f"{', '.join(away)} is to come back", 0
        needed = await quiet_needed(self._fleet, tree.start)
        if needed == math.inf:
            return "a component that was started meanwhile waits to lead", 0
        return f"it grew by {grown} spans at the last look" if grown else "", needed

    async def _everywhere(self, request: debug_pb2.SpansRequest) -> list[Span]:
        found = await asyncio.gather(*(self._of(one.component, request) for one in self._fleet.targets))
        return [span for spans in found for span in spans]

    async def _of(self, component: str, request: debug_pb2.SpansRequest) -> list[Span]:
        """From the component or, if it does not answer, from its file."""
        frozen = next((one.pid for one in self._fleet.targets if one.component == component and one.frozen), 0)
        why, lives = why_silent(self._fleet.paths, frozen) if frozen else "", True
        if not frozen:
            try:
                async with asyncio.timeout(COLLECT_SECONDS):
                    spans = await _stream(self._fleet.stub(component), request)
                self.away.pop(component, None)
                return spans
            except TimeoutError:
                why = f"no answer within {COLLECT_SECONDS:.0f} s"
            except grpc.aio.AioRpcError as error:
                why, lives = error.details() or error.code().name, False
        self.away[component] = why
        return self._left(component, lives, request)

    def _left(self, component: str, lives: bool, request: debug_pb2.SpansRequest) -> list[Span]:
        try:
            spans = read_spans(span_file(self._fleet.paths.clock, component), alive=lives)
        except OSError:
            self.missing.add(component)
            return []
        self.missing.discard(component)
        if request.related:
            return related(spans, frozenset(request.related))
        return [one for span in spans for one in with_steps(span)]


async def _stream(stub: Stub, request: debug_pb2.SpansRequest) -> list[Span]:
    return [_span(one) async for one in stub.Spans(request)]


def _span(one: debug_pb2.Span) -> Span:
    return Span(
        one.trace_id,
        one.span_id,
        one.parent_id,
        one.component,
        one.name,
        one.start,
        one.end,
        tuple(one.links),
        dict(one.attributes),
    )
