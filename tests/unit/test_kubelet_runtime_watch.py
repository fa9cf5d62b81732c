"""A runtime that was started anew while nobody looked is told again what it has forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from apimachinery.clock import FakeClock, settle
from kubelet.context import RuntimeFacts
from kubelet.limits import RUNTIME_CHECK_SECONDS, RUNTIME_RETRY_SECONDS
from kubelet.runtime import CriRuntime
from kubelet.runtime_cache import RuntimeCache
from kubelet.runtime_watch import RuntimeWatch
from proto import cri_pb2 as pb

CIDR = "10.1.0.0/24"


class Runtime:
    """Ready once it knows its pods' addresses. Its event stream says nothing."""

    def __init__(self) -> None:
        self.cidr = ""

    async def version(self) -> pb.VersionResponse:
        return pb.VersionResponse(runtime_name="fake", runtime_version="1")

    async def set_pod_cidr(self, cidr: str) -> None:
        self.cidr = cidr

    async def status(self) -> pb.StatusResponse:
        ready = pb.RuntimeCondition(type="RuntimeReady", status=True)
        network = pb.RuntimeCondition(type="NetworkReady", status=bool(self.cidr), reason="NoPodCIDR")
        return pb.StatusResponse(status=pb.RuntimeStatus(conditions=[ready, network]))

    async def events(self) -> AsyncIterator[pb.ContainerEventResponse]:
        await asyncio.get_running_loop().create_future()
        yield pb.ContainerEventResponse()


async def test_it_is_told_its_addresses_again() -> None:
    clock, runtime, facts = FakeClock(), Runtime(), RuntimeFacts()
    nothing = cast(RuntimeCache, None)  # without an event it is not asked
    watch = RuntimeWatch(cast(CriRuntime, runtime), nothing, facts, clock, lambda: None)
    watch.set_pod_cidr(CIDR)
    running = asyncio.create_task(watch.run())
    await settle()
    assert (runtime.cidr, facts.problem, facts.network_problem) == (CIDR, "", "")
    runtime.cidr = ""
    await clock.advance(RUNTIME_CHECK_SECONDS)
    assert "NoPodCIDR" in facts.network_problem
    await clock.advance(RUNTIME_RETRY_SECONDS)
    assert (runtime.cidr, facts.network_problem) == (CIDR, "")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
