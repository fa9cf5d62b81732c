"""What containers use, read from the control groups where we share the engine's host.

The engine tells the same, but takes a second for each answer; reading the files takes a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cri.records import NetworkUsage, Usage

_ROOT = Path("/sys/fs/cgroup")

_NO_LIMIT = 2**62
"""A limit beyond this is none."""


class Reader(NamedTuple):
    """One layout of the control groups: where a container's group is, and how it is read."""

    directory: str
    read: Callable[[Path, str, int], Usage]


def read_usage(container_id: str, now: int, root: Path = _ROOT) -> Usage | None:
    """None if the container does not run, or not on this host."""
    for reader in _READERS:
        directory = root / reader.directory.format(id=container_id)
        if directory.is_dir():
            try:
                return reader.read(directory, container_id, now)
            except (OSError, ValueError):
                return None  # it ended meanwhile
    return None


def read_network(container_id: str, root: Path = _ROOT) -> NetworkUsage | None:
    """Of the namespace that the container's first process is in."""
    for reader in _READERS:
        directory = root / reader.directory.format(id=container_id)
        try:
            pid = int((directory / "cgroup.procs").read_text().split()[0])
            return parse_interfaces(Path(f"/proc/{pid}/net/dev").read_text())
        except (OSError, ValueError, IndexError):
            continue
    return None


def parse_interfaces(text: str) -> NetworkUsage:
    """Sums `/proc/net/dev` over all interfaces but the loopback."""
    sums = [0, 0, 0, 0]
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        if name.strip() != "lo":
            columns = [int(number) for number in numbers.split()]
            sums = [total + columns[index] for total, index in zip(sums, (0, 2, 8, 10), strict=True)]
    return NetworkUsage(*sums)


def _read_v1(memory: Path, container_id: str, now: int) -> Usage:
    root = memory.parents[2]
    path = str(memory.relative_to(root / "memory"))
    stat = _table(memory / "memory.stat")
    used = _number(memory / "memory.usage_in_bytes")
    limit = stat.get("hierarchical_memory_limit", 0)
    return _usage(
        container_id,
        now,
        cpu=_number(root / "cpuacct" / path / "cpuacct.usage"),
        used=used,
        inactive=stat.get("total_inactive_file", 0),
        rss=stat.get("total_rss", 0),
        limit=limit,
        faults=(stat.get("total_pgfault", 0), stat.get("total_pgmajfault", 0)),
        processes=_number(root / "pids" / path / "pids.current"),
    )


def _read_v2(group: Path, container_id: str, now: int) -> Usage:
    stat = _table(group / "memory.stat")
    limit = (group / "memory.max").read_text().strip()
    return _usage(
        container_id,
        now,
        cpu=_table(group / "cpu.stat")["usage_usec"] * 1000,
        used=_number(group / "memory.current"),
        inactive=stat.get("inactive_file", 0),
        rss=stat.get("anon", 0),
        limit=0 if limit == "max" else int(limit),
        faults=(stat.get("pgfault", 0), stat.get("pgmajfault", 0)),
        processes=_number(group / "pids.current"),
    )


_READERS = (
    Reader("memory/docker/{id}", _read_v1),
    Reader("system.slice/docker-{id}.scope", _read_v2),
    Reader("docker/{id}", _read_v2),
)


def _usage(
    container_id: str, now: int, *, cpu: int, used: int, inactive: int, rss: int, limit: int,
    faults: tuple[int, int], processes: int,
) -> Usage:  # fmt: skip
    working_set = max(0, used - inactive)
    return Usage(
        container_id,
        now,
        cpu_nano_seconds=cpu,
        memory_working_set_bytes=working_set,
        memory_usage_bytes=used,
        memory_rss_bytes=rss,
        memory_available_bytes=max(0, limit - working_set) if limit < _NO_LIMIT else 0,
        page_faults=faults[0],
        major_page_faults=faults[1],
        process_count=processes,
    )


def _number(path: Path) -> int:
    return int(path.read_text())


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
