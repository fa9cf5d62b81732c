"""Changing what is wanted of a component, and waiting until it is so."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli.debugging.near import did_you_mean
from cli.debugging.targets import LOCAL, running, targets_of
from cli.errors import UserError
from cli.last_words import last_words
from cli.running import is_alive
from cli.source.wanted import USUAL, Want, edit, read_wanted
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState, read_state

POLL_SECONDS = 0.02
DOWN_SECONDS = 20.0  # for a process to end when it is told to
SERVE_SECONDS = 30.0  # for a component to serve


@dataclass(frozen=True)
class Managed:
    """One component of a running cluster."""

    spec: ClusterSpec
    paths: Paths
    name: str
    supervisor: int
    address: str
    """Where its Debug service listens; etcd has none, and its own address stands here."""

    @property
    def state(self) -> ProcessState:
        _, processes = read_state(self.paths.state)
        return next(one for one in processes if one.name == self.name)

    @property
    def want(self) -> Want:
        return read_wanted(self.paths.wanted).get(self.name, USUAL)

    def change(self, make: Callable[[Want], Want]) -> Want:
        """What is wanted from now on; the supervisor carries it out."""
        with edit(self.paths.wanted) as wanted:
            new = wanted[self.name] = make(wanted.get(self.name, USUAL))
        os.kill(self.supervisor, signal.SIGHUP)
        return new


def manage(cluster: str, component: str) -> Managed:
    """Raises UserError if there is none of that name."""
    spec, processes = running(cluster)
    paths = Paths.of(cluster)
    found = next((one for one in processes if one.name == component), None)
    if found is None:
        raise UserError(f"no component {component}{did_you_mean(component, [one.name for one in processes])}")
    addresses = {one.component: one.address for one in targets_of(spec.ports, processes)}
    supervisor, _ = read_state(paths.state)
    return Managed(spec, paths, component, supervisor, addresses.get(component, f"{LOCAL}:{found.port}"))


async def wait_down(one: Managed) -> None:
    await _wait(lambda: not one.state.pid, DOWN_SECONDS, f"{one.name} does not end; its log is {one.state.log}")


async def wait_new(one: Managed, before: int) -> int:
    """Until another process runs than `before`. Gives its PID."""
    await _wait(lambda: one.state.pid not in (0, before), SERVE_SECONDS, f"{one.name} was not started again")
    return one.state.pid


async def wait_serving(one: Managed, before: int) -> int:
    """Until another process than `before` accepts connections. Gives its PID. Raises UserError when it is hopeless."""
    deadline = time.monotonic() + SERVE_SECONDS
    host, _, port = one.address.rpartition(":")
    while True:
        state = one.state
        if state.pid not in (0, before) and await _accepts(host, int(port)) and one.state.pid == state.pid:
            return state.pid
        if time.monotonic() > deadline or not is_alive(one.supervisor):
            raise UserError(f"{one.name} does not serve; its log ends with:\n{last_words(Path(state.log))}")
        await asyncio.sleep(POLL_SECONDS)


async def _accepts(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _wait(done: Callable[[], bool], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise UserError(complaint)
        await asyncio.sleep(POLL_SECONDS)
