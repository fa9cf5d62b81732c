"""What containers use: from control groups where they can be seen, else from the engine's statistics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from apimachinery.errors import ApiError
from cri.docker.cgroups import read_network, read_usage
from cri.docker.engine import Engine
from cri.limits import DOCKER_THREADS
from cri.records import NetworkUsage, Usage
from wire.call_gate import pass_rpc_gate
from wire.seams import Seams


class Statistics:
    """One engine's, by container id."""

    def __init__(self, engine: Engine, seams: Seams) -> None:
        self._engine = engine
        self._seams = seams
        self._asking = asyncio.Semaphore(DOCKER_THREADS)

    async def usage(self, container_id: str, now: int) -> Usage | None:
        """None for what does not run any more."""
        read = read_usage(container_id, now)
        if read is not None:
            return read
        stats = await self._ask(container_id)
        return usage(container_id, stats, now) if stats is not None else None

    async def network(self, container_id: str) -> NetworkUsage:
        read = read_network(container_id)
        if read is not None:
            return read
        stats = await self._ask(container_id)
        return network_usage(stats) if stats is not None else NetworkUsage()

    async def _ask(self, container_id: str) -> dict[str, Any] | None:
        """Not by the SDK: the engine takes its time, and a thread would wait with it."""
        query = {"stream": "false", "one-shot": "true"}
        path = f"/containers/{container_id}/stats"
        await pass_rpc_gate(self._seams, "docker:stats")
        try:
            async with self._asking, self._engine.stream("GET", path, query) as stream:
                async for line in stream.lines():
                    stats: dict[str, Any] = json.loads(line)
                    return stats if stats["cpu_stats"].get("cpu_usage") else None
        except ApiError as error:
            if error.reason not in ("NotFound", "Conflict"):
                raise
        return None


def usage(container_id: str, stats: Mapping[str, Any], now: int) -> Usage:
    """Memory as control groups of version 1 (`total_inactive_file`) or 2 (`inactive_file`) count it."""
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    used = int(memory.get("usage", 0))
    inactive = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    working_set = max(0, used - inactive)
    limit = int(memory.get("limit", 0))
    return Usage(
        container_id,
        now,
        cpu_nano_seconds=int(stats["cpu_stats"]["cpu_usage"]["total_usage"]),
        memory_working_set_bytes=working_set,
        memory_usage_bytes=used,
        memory_rss_bytes=int(details.get("total_rss", details.get("anon", 0))),
        memory_available_bytes=max(0, limit - working_set),
        page_faults=int(details.get("total_pgfault", details.get("pgfault", 0))),
        major_page_faults=int(details.get("total_pgmajfault", details.get("pgmajfault", 0))),
        process_count=int((stats.get("pids_stats") or {}).get("current", 0)),
    )


def network_usage(stats: Mapping[str, Any]) -> NetworkUsage:
    interfaces = (stats.get("networks") or {}).values()
    names = ("rx_bytes", "rx_errors", "tx_bytes", "tx_errors")
    return NetworkUsage(*(sum(int(one.get(name, 0)) for one in interfaces) for name in names))
