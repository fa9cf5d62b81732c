"""The Debug service that every component serves: its time, its gates, its spans."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from apimachinery.clock import ClockState
from apimachinery.errors import ApiError, bad_request, not_found
from proto import debug_pb2, debug_pb2_grpc
from wire.gates import Action, Held, Rule
from wire.limits import DETAIL_CHARS
from wire.report import come_to_rest, edges, report
from wire.seams import Seams
from wire.span import Span
from wire.tls import require_admin

VERSION = "0.1.0"


class DebugService(debug_pb2_grpc.DebugServicer):
    """Methods mirror `proto/debug.proto`."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams

    async def Info(self, request: debug_pb2.InfoRequest, context: Any) -> debug_pb2.InfoResponse:
        return debug_pb2.InfoResponse(
            component=self._seams.component, version=VERSION, pid=os.getpid(), started=self._seams.started
        )

    async def GetClock(self, request: debug_pb2.GetClockRequest, context: Any) -> debug_pb2.ClockState:
        return debug_pb2.ClockState(**self._seams.clock.state._asdict())

    async def SetClock(self, request: debug_pb2.ClockState, context: Any) -> debug_pb2.ClockState:
        if request.rate < 0:
            raise bad_request("clock: rate must not be negative")
        now = time.monotonic()
        clock = self._seams.clock
        state = ClockState(request.monotonic or now, request.cluster_time or clock.time(), request.rate)
        return debug_pb2.ClockState(**clock.adopt(state)._asdict())

    async def ListTimers(self, request: debug_pb2.ListTimersRequest, context: Any) -> debug_pb2.ListTimersResponse:
        timers = [debug_pb2.Timer(deadline=one.deadline, why=one.why) for one in self._seams.clock.timers()]
        return debug_pb2.ListTimersResponse(timers=timers)

    async def Drive(
        self, requests: AsyncIterator[debug_pb2.DriveRequest], context: Any
    ) -> AsyncIterator[debug_pb2.DriveReport]:
        async for request in requests:
            if request.HasField("clock"):
                self._seams.clock.adopt(_clock_from_proto(request.clock))
            await come_to_rest(self._seams)
            yield report(self._seams)

    async def ListEdges(self, request: debug_pb2.ListEdgesRequest, context: Any) -> debug_pb2.ListEdgesResponse:
        return debug_pb2.ListEdgesResponse(edges=edges(self._seams))

    async def AddRule(self, request: debug_pb2.Rule, context: Any) -> debug_pb2.Rule:
        if not request.edge:
            raise bad_request("rule: edge is required; ListEdges names those there are")
        return _rule_to_proto(self._seams.gates.add(_rule_from_proto(request)))

    async def DeleteRule(self, request: debug_pb2.RuleRef, context: Any) -> debug_pb2.RuleRef:
        if not self._seams.gates.delete(request.id, release=request.release):
            raise not_found("", "rules", request.id)
        return request

    async def ListRules(self, request: debug_pb2.ListRulesRequest, context: Any) -> debug_pb2.ListRulesResponse:
        gates = self._seams.gates
        return debug_pb2.ListRulesResponse(rules=[_rule_to_proto(one, gates.taken(one.id)) for one in gates.rules()])

    async def ListHeld(self, request: debug_pb2.ListHeldRequest, context: Any) -> debug_pb2.ListHeldResponse:
        held = [_held_to_proto(one) for one in self._seams.gates.held()]
        return debug_pb2.ListHeldResponse(held=held)

    async def Release(self, request: debug_pb2.ReleaseRequest, context: Any) -> debug_pb2.ReleaseResponse:
        released = self._seams.gates.release(list(request.ids) or None, drop=request.drop)
        return debug_pb2.ReleaseResponse(released=released)

    async def Wire(self, request: debug_pb2.WireRequest, context: Any) -> AsyncIterator[debug_pb2.WireMessage]:
        require_admin(context, "the traffic")
        try:
            with self._seams.capture.listen(request) as listener:
                async for message in listener.messages():
                    yield message
        except OverflowError as error:
            raise ApiError("TooManyRequests", str(error)) from None

    async def Spans(self, request: debug_pb2.SpansRequest, context: Any) -> AsyncIterator[debug_pb2.Span]:
        tracer = self._seams.tracer
        related = frozenset(request.related)
        for span in tracer.related(related) if related else tracer.spans(request.trace_id):
            yield _span_to_proto(span)

    async def Explain(self, request: debug_pb2.ExplainRequest, context: Any) -> debug_pb2.ExplainResponse:
        about = (request.resource, request.namespace, request.name)
        found = [one for explain in self._seams.explainers for one in explain(*about)]
        explanations = [debug_pb2.Explanation(topic=topic, json=json.dumps(facts).encode()) for topic, facts in found]
        return debug_pb2.ExplainResponse(explanations=explanations)


def _clock_from_proto(state: debug_pb2.ClockState) -> ClockState:
    return ClockState(state.monotonic, state.cluster_time, state.rate)


def _rule_from_proto(rule: debug_pb2.Rule) -> Rule:
    return Rule(
        edge=rule.edge,
        action=Action[debug_pb2.Rule.Action.Name(rule.action)],
        kind=rule.kind,
        namespace=rule.namespace,
        name=rule.name,
        delay_seconds=rule.delay_seconds,
        error_code=rule.error_code or "UNAVAILABLE",
        count=rule.count,
        id=rule.id,
        peer=rule.peer,
        jitter_seconds=rule.jitter_seconds,
        probability=rule.probability or 1.0,
        expires=rule.expires,
        seed=rule.seed,
        cut=rule.cut,
    )


def _rule_to_proto(rule: Rule, taken: int = 0) -> debug_pb2.Rule:
    fields = {**vars(rule), "action": debug_pb2.Rule.Action.Value(rule.action.name)}
    return debug_pb2.Rule(taken=taken, **fields)


def _held_to_proto(one: Held) -> debug_pb2.Held:
    return debug_pb2.Held(
        id=one.id,
        edge=one.edge,
        rule_id=one.rule_id,
        traceparent=one.traceparent,
        detail=one.detail[:DETAIL_CHARS],
        seconds=time.monotonic() - one.since,
        arrived=one.since,
        **one.subject._asdict(),
    )


def _span_to_proto(span: Span) -> debug_pb2.Span:
    return debug_pb2.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        links=list(span.links),
        component=span.component,
        name=span.name,
        start=span.start,
        end=span.end,
        attributes=span.attributes,
    )
