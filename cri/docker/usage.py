"""What containers use, as the engine's statistics tell. Remembered for a moment, because two callers ask at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from apimachinery.errors import ApiError
from cri.docker.engine import Engine
from cri.limits import STATS_AGE_SECONDS
from cri.records import NetworkUsage, Usage


class Statistics:
    """One engine's, by container id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fresh: dict[str, tuple[float, dict[str, Any]]] = {}

    async def read(self, container_id: str) -> dict[str, Any] | None:
        """None for what does not run any more."""
        now = asyncio.get_running_loop().time()
        self._fresh = {one: (at, stats) for one, (at, stats) in self._fresh.items() if now - at < STATS_AGE_SECONDS}
        if container_id not in self._fresh:
            try:
                stats = await self._engine.call(
                    "stats", lambda api: api.stats(container_id, decode=None, stream=False, one_shot=True)
                )
            except ApiError as error:
                if error.reason in ("NotFound", "Conflict"):
                    return None
                raise
            self._fresh[container_id] = (now, stats)
        return self._fresh[container_id][1]


def usage(container_id: str, stats: Mapping[str, Any], now: int) -> Usage:
    """Memory as cgroup version 1 (`total_inactive_file`) or 2 (`inactive_file`) counts it."""
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
