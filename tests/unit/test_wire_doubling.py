"""A duplicated message is carried out twice, wherever it passes; its sender hears the first answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from apimachinery.errors import ApiError
from proto import api_pb2, api_pb2_grpc
from wire.channel import connect
from wire.doubling import carry_out
from wire.gates import Action, Rule, Verdict
from wire.seams import Seams, make_seams
from wire.server import Service, serve

ASKED = 3
EDGE = "/orrery.api.v1.Api/Get"


async def test_once_or_twice_and_the_first_answer_counts() -> None:
    said = ["first", "second"]

    async def act() -> str:
        return said.pop(0)

    assert await carry_out(Verdict.TWICE, act) == "first"
    assert said == []
    said.append("only")
    assert await carry_out(Verdict.PASS, act) == "only"


async def test_only_the_first_refusal_is_heard() -> None:
    refusals = [None, "gone already"]

    async def act() -> str:
        if problem := refusals.pop(0):
            raise ApiError("NotFound", problem)
        return "done"

    assert await carry_out(Verdict.TWICE, act) == "done"
    refusals[:] = ["never there", None]
    with pytest.raises(ApiError, match="never there"):
        await carry_out(Verdict.TWICE, act)
    assert refusals == [None], "what failed is not tried again"


@dataclass
class Counting:
    """Answers with how many calls there were."""

    calls: int = 0
    caller: Seams = field(default_factory=lambda: make_seams("caller"))
    callee: Seams = field(default_factory=lambda: make_seams("callee"))

    async def Get(self, request: api_pb2.GetRequest, context: object) -> api_pb2.Object:
        self.calls += 1
        return api_pb2.Object(name=f"call {self.calls}")

    def add(self, server: grpc.aio.Server) -> None:
        handler = grpc.unary_unary_rpc_method_handler(
            self.Get, api_pb2.GetRequest.FromString, api_pb2.Object.SerializeToString
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("orrery.api.v1.Api", {"Get": handler}),))

    @asynccontextmanager
    async def reached(self, folder: Path) -> AsyncIterator[api_pb2_grpc.ApiAsyncStub]:
        address = f"unix:{folder / 'api.sock'}"
        async with (
            serve(address, self.callee, None, [Service("orrery.api.v1.Api", self.add)]),
            connect(address, self.caller, None) as channel,
        ):
            yield api_pb2_grpc.ApiStub(channel)


@pytest.mark.parametrize("side", ["rpc", "serve"])
async def test_a_call_at_either_end(side: str, tmp_path: Path) -> None:
    counting = Counting()
    seams = counting.caller if side == "rpc" else counting.callee
    seams.gates.add(Rule(f"{side}:{EDGE}", Action.DUPLICATE, count=1))
    async with counting.reached(tmp_path) as stub:
        for _ in range(ASKED):
            await stub.Get(api_pb2.GetRequest(name="web"))
        async with asyncio.timeout(10):
            while counting.calls <= ASKED:
                await asyncio.sleep(0)  # nobody waits for the second of the two
    assert counting.calls == ASKED + 1
