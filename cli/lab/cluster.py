"""Evidence from a cluster that runs: over REST, the Debug services, and the apiserver's view of etcd."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from cli.debugging.attention import attention
from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.broken.riddle import ClusterRiddle, Riddle
from cli.lab.evidence import JSON, Counter, Trial, Write
from cli.lab.nodes import ClusterNodes, Nodes
from cli.lab.workspace import Start, Workspace, read_answers
from cli.objects import Ref, parse_ref
from proto import debug_pb2
from proto import etcd_view_pb2 as view
from wire.span import trace_id

COUNTS = ("passed", "held", "dropped", "failed", "delayed")
_ANY = "any"  # stands for a name where only the resource matters


class ClusterEvidence:
    """Of the cluster `name`, in the namespace of one lab. Raises UserError where it cannot be had."""

    def __init__(self, name: str, namespace: str, space: Workspace, start: Start | None = None) -> None:
        self._name = name
        self._namespace = namespace
        self._space = space
        self._start = start
        self._counters: list[Counter] | None = None
        self._trials: dict[str, Trial] = {}
        self._cluster = running(name)
        self.rest = self._cluster.rest()

    def object(self, name: str) -> JSON | None:
        ref = self._ref(name)
        return self.get(f"{collection(ref.gvr, ref.namespace)}/{ref.name}")

    def _ref(self, name: str) -> Ref:
        """`pod/web`, or `lease/kube-system/kube-scheduler` for one of another namespace."""
        kind, _, rest = name.partition("/")
        namespace, slash, bare = rest.partition("/")
        return parse_ref(f"{kind}/{bare}", namespace) if slash else parse_ref(name, self._namespace)

    def objects(self, resource: str, selector: str) -> list[JSON]:
        ref = parse_ref(f"{resource}/{_ANY}", self._namespace)
        query = f"?labelSelector={quote(selector)}" if selector else ""
        found = self.get(collection(ref.gvr, ref.namespace) + query)
        return list((found or {}).get("items") or [])

    def get(self, path: str) -> JSON | None:
        try:
            return self.rest.call("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise UserError(f"{path}: {error.message}") from None
        except OSError:
            raise UserError("the apiserver does not answer; orrery status shows why") from None

    def answers(self) -> JSON:
        return read_answers(self._space)

    def history(self, name: str) -> list[Write]:
        from cli.etcd.showing import tree_of

        return [
            Write(
                one.revision, 0 if one.deleted else one.version, one.writer, tree_of(one.raw) or {} if one.raw else {}
            )
            for one in self._revisions(name)
        ]

    def _revisions(self, name: str) -> list[view.Revision]:
        """Since the start."""
        since = self._start.revision if self._start else 0
        return [one for one in asyncio.run(_history(self._name, self._key(name))) if one.revision > since]

    def revision(self) -> int:
        """At which etcd is now."""
        return asyncio.run(_revision(self._name))

    def _key(self, name: str) -> str:
        from cli.kinds import etcd_key

        ref = self._ref(name)
        return etcd_key("/".join(part for part in (ref.gvr.resource, ref.namespace, ref.name) if part))

    def counters(self) -> list[Counter]:
        """Of a component that began anew since the start, what it counted since then."""
        if self._counters is None:
            before = self._start.counts if self._start else {}
            self._counters = [_since(one, before) for one in asyncio.run(_counters(self._name))]
        return self._counters

    def hops(self, name: str) -> list[str]:
        created = [one for one in self._revisions(name) if one.version == 1]
        first = created[-1] if created else None
        if first is None or not trace_id(first.traceparent):
            return []
        return asyncio.run(_hops(self._name, trace_id(first.traceparent)))

    def unusual(self) -> list[str]:
        processes = self._cluster.processes()
        found = [one for one in attention(self._cluster.paths, processes) if not _only_ahead(one)]
        return found + [f"{one.name} does not run" for one in processes if not one.pid]

    def snapshot(self, file: str) -> JSON | None:
        from cli.etcd.etcdctl import snapshot_status

        try:
            return snapshot_status(self._space.folder / file)
        except UserError:
            return None  # not there, or no snapshot: the check says so

    def trial(self, program: str) -> Trial:
        from cli.lab.model import find
        from cli.lab.trials import run_trial

        if program not in self._trials:
            self._trials[program] = run_trial(self._name, find(self._space.folder.name), program)
        return self._trials[program]

    def restarts(self, component: str) -> int:
        before = self._start.restarts if self._start else {}
        return self.all_restarts().get(component, 0) - before.get(component, 0)

    def nodes(self) -> Nodes:
        return ClusterNodes(self._name, self._namespace)

    def riddle(self) -> Riddle:
        if self._start is None:
            raise UserError("nothing was drawn: the lab was not started")
        return ClusterRiddle(self._name, self._start)

    def all_restarts(self) -> dict[str, int]:
        return {one.name: one.restarts for one in self._cluster.processes()}


def collection(gvr: GVR, namespace: str) -> str:
    root = f"/apis/{gvr.group}/{gvr.version}" if gvr.group else f"/api/{gvr.version}"
    return f"{root}/namespaces/{namespace}/{gvr.resource}" if namespace else f"{root}/{gvr.resource}"


def _only_ahead(line: str) -> bool:
    """A clock that was stepped stays ahead; at real pace nobody minds."""
    return line.startswith("clock:") and "(orrery clock resume)" not in line


def _since(one: Counter, before: dict[str, dict[str, int]]) -> Counter:
    then = before.get(f"{one.component} {one.edge}", {})
    anew = any(now < then.get(count, 0) for count, now in one.counts.items())
    counts = one.counts if anew else {count: now - then.get(count, 0) for count, now in one.counts.items()}
    return Counter(one.component, one.edge, counts)


async def _counters(name: str) -> list[Counter]:
    from cli.debugging.fleet import open_fleet

    async with open_fleet(name) as fleet:
        answers = await fleet.ask(lambda stub: stub.ListEdges(debug_pb2.ListEdgesRequest()))
    return [
        Counter(component, edge.name, {count: int(getattr(edge, count)) for count in COUNTS})
        for component, answer in sorted(answers.got.items())
        for edge in answer.edges
    ]


async def _history(name: str, key: str) -> list[view.Revision]:
    from cli.etcd.connection import open_view

    async with open_view(name) as stub:
        return [one async for one in stub.History(view.HistoryRequest(key=key))]


async def _revision(name: str) -> int:
    from cli.etcd.connection import open_view

    async with open_view(name) as stub:
        state = await stub.State(view.StateRequest())
    return int(state.revision)


async def _hops(name: str, trace: str) -> list[str]:
    from cli.debugging.fleet import open_fleet
    from cli.tracing.collect import Collector

    async with open_fleet(name) as fleet:
        spans: list[Any] = await Collector(fleet).gather(frozenset([trace]))
    return [f"{one.component} {one.name}" for one in sorted(spans, key=lambda span: (span.start, span.span_id))]
