"""Connections to every component's Debug service, and questions put to all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

import grpc

from cli.debugging.hidden import why_silent
from cli.debugging.targets import Target, chosen
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.forms.finding import running
from proto import debug_pb2_grpc
from wire.channel import connect
from wire.errors import from_rpc_error
from wire.seams import make_seams
from wire.tls import TlsFiles

ASK_SECONDS = 3.0  # real time a component has to answer a question
NO_DEBUG = "does not serve Debug"  # said of a stranger in a component's place

T = TypeVar("T")
Stub: TypeAlias = "debug_pb2_grpc.DebugAsyncStub"


@dataclass
class Answers(Generic[T]):
    """By component. Every component asked is in one of the two."""

    got: dict[str, T] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # and why

    @property
    def complaint(self) -> str:
        """Who could not be reached, on one line; "" if all were."""
        if not self.missing:
            return ""
        return "not reached: " + ", ".join(f"{name} ({why})" for name, why in sorted(self.missing.items()))


class Fleet:
    """All components of one cluster, as admin."""

    def __init__(self, cluster: Cluster, stubs: dict[str, Stub], targets: list[Target]) -> None:
        self.cluster = cluster
        self.paths = cluster.paths
        self.targets = targets
        self._stubs = stubs

    def stub(self, component: str) -> Stub:
        return self._stubs[component]

    async def ask(self, question: Callable[[Stub], Awaitable[T]], pattern: str = "*") -> Answers[T]:
        """Put a question to all components that `pattern` names. Raises UserError if one refuses."""
        return await self.ask_each(lambda _, stub: question(stub), [one.component for one in self.choose(pattern)])

    async def ask_each(self, question: Callable[[str, Stub], Awaitable[T]], names: Sequence[str]) -> Answers[T]:
        answers: Answers[T] = Answers()
        refused: list[UserError] = []

        async def one(target: Target) -> None:
            if target.frozen:
                answers.missing[target.component] = why_silent(self.paths, target.pid)
                return
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    answers.got[target.component] = await question(target.component, self.stub(target.component))
            except TimeoutError:
                answers.missing[target.component] = f"no answer within {ASK_SECONDS:.0f} s"
            except grpc.aio.AioRpcError as error:
                if why := why_absent(error, target):
                    answers.missing[target.component] = why
                else:
                    refused.append(UserError(f"{target.component}: {from_rpc_error(error).message}"))

        async with asyncio.TaskGroup() as group:
            for target in self.targets:
                if target.component in names:
                    group.create_task(one(target))
        if refused:
            raise refused[0]
        return answers

    def choose(self, pattern: str) -> list[Target]:
        """Raises UserError if `pattern` names none."""
        return chosen(self.targets, pattern)


def why_absent(error: grpc.aio.AioRpcError, target: Target) -> str:
    """Why nobody was there to be asked; "" if it was a component of ours that refused."""
    code = from_rpc_error(error).code
    if error.code() is grpc.StatusCode.UNIMPLEMENTED and code != 405:  # ours refuse a method with a status of their own
        return NO_DEBUG
    if code == 503:
        return "does not answer" if target.pid else "down"
    return ""


@asynccontextmanager
async def open_fleet(name: str) -> AsyncIterator[Fleet]:
    """Raises UserError if the cluster does not run."""
    cluster = running(name)
    found = cluster.targets
    seams, tls = make_seams("orrery"), TlsFiles.in_directory(cluster.paths.pki, "admin")
    async with AsyncExitStack() as stack:
        stubs: dict[str, Stub] = {}
        for target in found:
            channel = await stack.enter_async_context(connect(target.address, seams, tls, server_name="orrery"))
            stubs[target.component] = debug_pb2_grpc.DebugStub(channel)
        yield Fleet(cluster, stubs, found)
