"""One side of a comparison at work: put in, come to rest, remember the reasons."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from cli.compare.arena import Arena, Running, open_arena
from cli.compare.contestants import Contestant
from cli.compare.ear import Ear, open_ear
from cli.compare.feeding import Feeder
from cli.compare.journal import Journal, open_journal
from cli.compare.model import JSON, Do, Key, Step
from cli.compare.quiet import StrangerRests
from cli.compare.resting import Rest, ours_rests
from cli.compare.subjects import SUBJECTS
from cli.debugging.fleet import Stub
from cli.etcd.connection import Stub as EtcdStub
from cli.forms.host import HostCluster, HostManaged
from cli.source.acts import environment
from proto import debug_pb2

Explained = dict[str, list[JSON]]  # by topic


@dataclass
class Side:
    """`asked` says whether something waits for an answer, once a step has been put in."""

    contestant: Contestant
    arena: Arena
    journal: Journal
    feeder: Feeder
    rest: Rest
    ear: Ear
    etcd: EtcdStub
    debug: dict[str, Stub]
    """Of the apiserver and the component, if that is ours."""
    explained: dict[Key, Explained] = field(default_factory=dict)
    restless: list[int] = field(default_factory=list)
    """Steps after which it did not come to rest in time."""

    async def put(self, number: int, step: Step) -> None:
        self.journal.step = number
        await self.feeder.put(step)
        await self.journal.catch_up(self.etcd)

    async def come_to_rest(self, asked: Callable[[], bool]) -> None:
        if not await self.rest.come(asked):
            self.restless.append(self.journal.step)

    async def explain(self, key: Key) -> None:
        """Have ours tell what it made of an object; a stranger cannot be asked."""
        request = debug_pb2.ExplainRequest(resource=key.resource, namespace=key.namespace, name=key.name)
        topics: Explained = {}
        for stub in self.debug.values():
            await self._explain(stub, request, topics)
        self.explained[key] = topics

    @staticmethod
    async def _explain(stub: Stub, request: debug_pb2.ExplainRequest, topics: Explained) -> None:
        try:
            answer = await stub.Explain(request)
        except grpc.aio.AioRpcError:
            return  # reasons are a help, not what is compared
        for one in answer.explanations:
            topics.setdefault(one.topic, []).append(json.loads(one.json))

    async def spans(self) -> dict[str, debug_pb2.Span]:
        """Of ours and its apiserver, as far as they remember; by id."""
        found: dict[str, debug_pb2.Span] = {}
        for stub in self.debug.values():
            async for one in stub.Spans(debug_pb2.SpansRequest()):
                found[one.span_id] = one
        return found

    @property
    def counts(self) -> Counter[str]:
        """Its writes, Events left out."""
        mine = [one for one in self.journal.writes if not one.ours and one.step and one.key.resource != "events"]
        words = ("deleted" if one.tree is None else "changed" if one.before else "created" for one in mine)
        return Counter(words)


@asynccontextmanager
async def open_side(one: Contestant, component: str, home: Path, seed: int, quiet: float) -> AsyncIterator[Side]:
    """At work on an empty cluster when the body begins. Raises UserError."""
    async with AsyncExitStack() as stack:
        arena = await stack.enter_async_context(open_arena(home, one.name))
        identity = SUBJECTS[component].identity
        journal, etcd = await stack.enter_async_context(open_journal(arena, identity))
        ear = await stack.enter_async_context(open_ear(arena, identity))
        process = await _start(one, component, arena, seed)
        rest: Rest
        debug: dict[str, Stub] = {}
        if one.is_ours:
            rest, debug = await stack.enter_async_context(ours_rests(arena, process, journal, etcd))
        else:
            rest = StrangerRests(process, arena, journal, ear, quiet)
        await rest.begin()
        yield Side(one, arena, journal, Feeder(arena, journal), rest, ear, etcd, debug)


async def _start(one: Contestant, component: str, arena: Arena, seed: int) -> Running:
    """As `orrery swap` would start it."""
    if one.is_ours:
        return await arena.start(component, (*arena.component(component).argv, *SUBJECTS[component].flags(seed)))
    spec, addresses = arena.spec, {name: arena.address(name) for name in arena.spec.ports}
    cluster = HostCluster(spec.name, spec.context, spec.runtime, arena.paths, (), addresses, spec, supervisor=0)
    managed = HostManaged(cluster, component, arena.address(component), cluster)
    return await arena.start(component, one.argv, environment(managed), Path(os.getcwd()))


def waits_for_a_node(side: Side, step: Step) -> Callable[[], bool]:
    """For schedulers: the new pod, if there is one; else any pod, for the step may have made room."""
    if step.do is Do.CREATE and step.kind == "Pod":
        return lambda: _unplaced(side.journal.now.get(step.key))
    return lambda: any(_unplaced(obj) for key, obj in side.journal.now.items() if key.resource == "pods")


def _unplaced(pod: JSON | None) -> bool:
    return pod is not None and not pod["spec"].get("nodeName") and not pod["spec"].get("schedulingGates")
