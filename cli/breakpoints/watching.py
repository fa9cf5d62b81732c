"""`orrery watch`: the watchdog where no supervisor runs it. It lives as long as anything is under debug."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable

from cli.breakpoints.watchdog import Debugged, Watchdog
from cli.errors import UserError
from cli.forms.cluster import Cluster
from cli.forms.finding import running
from cli.forms.notes import write_standing
from cli.locks import only_one
from cli.running import is_alive
from cli.source.wanted import USUAL, Want, Wanted, read_wanted
from cli.supervisor import ProcessState, start_detached

LOOK_SECONDS = 0.2  # between looks at what is wanted and who lives
LOOKS_IN_VAIN = 10  # after so many in a row the cluster is said to be gone
AGAIN_SECONDS = 1.0


def start_watching(cluster: Cluster) -> None:
    """In a process of its own. One that finds another at work goes again."""
    argv = ["-m", "cli", "watch", "--name", cluster.name]
    start_detached(argv, cluster.paths.logs / "watch.log", cluster.paths.root)


async def watch(name: str) -> None:
    """Until nothing is under debug, or the cluster has ended."""
    cluster = running(name)
    with only_one(cluster.paths.root / "watch.lock", f"cluster {name} is watched over already"):
        found = _Found(cluster)
        found.look()
        looking = asyncio.create_task(found.keep_looking())
        try:
            while found.debugged():
                try:
                    await Watchdog(name, found.debugged, lambda who: write_standing(cluster.paths, who)).run()
                except Exception as error:  # noqa: BLE001 - it is said, and tried again as long as anything is under debug
                    print(f"watchdog of what is under debug: {error!r}", file=sys.stderr, flush=True)
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            looking.cancel()


class _Found:
    """Who is under debug, and in which process: asked of the engine only when something has changed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._wanted: Wanted = {}
        self._debugged: Debugged = {}
        self._in_vain = 0

    def debugged(self) -> Debugged:
        return self._debugged

    def look(self) -> None:
        try:
            wanted = {name: want for name, want in read_wanted(self._cluster.paths.wanted).items() if want.under_debug}
            for name in [name for name, want in wanted.items() if want.terminal and not is_alive(want.terminal)]:
                self._cluster.manage(name).change(lambda _: USUAL)  # its terminal has gone
                del wanted[name]
            if wanted != self._wanted or not all(pid and is_alive(pid) for pid in self._debugged.values()):
                self._debugged = under_debug(wanted, self._cluster.processes() if wanted else [])
            self._wanted, self._in_vain = wanted, 0
        except UserError as error:
            self._in_vain += 1
            if self._in_vain == LOOKS_IN_VAIN:
                print(f"nobody is watched over any more: {error}", file=sys.stderr, flush=True)
                self._debugged = {}

    async def keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)


def under_debug(wanted: Wanted, processes: Iterable[ProcessState]) -> Debugged:
    """As the watchdog wants it. Pure."""
    wants: dict[str, Want] = {one.name: wanted.get(one.name, USUAL) for one in processes}
    pids = {one.name: one.pid for one in processes}
    return {name: pids[name] or want.terminal for name, want in wants.items() if want.under_debug}
