"""`orrery edges`: every edge of every component."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from cli.debugging.durations import show_duration
from cli.debugging.edges import check_edge, parties
from cli.debugging.fleet import Fleet, open_fleet
from cli.status import table
from proto import debug_pb2

HEADER = ["FROM", "TO", "EDGE", "WHAT", "PASSED", "HELD", "DROPPED", "FAILED", "DELAYED", "MEAN", "MAX"]
COUNTED = ("passed", "held", "dropped", "failed", "delayed")


async def edges(name: str, pattern: str = "*", component: str = "*") -> str:
    found, complaint = await _edges(name, pattern, component)
    lines = [table([HEADER, *(_row(one, edge) for one, edge in found)]) if found else "nothing has passed there yet"]
    return "\n".join([*lines, *([complaint] if complaint else [])])


async def edge_trees(name: str, pattern: str = "*", component: str = "*") -> list[dict[str, Any]]:
    found, _ = await _edges(name, pattern, component)
    return [_tree(one, edge) for one, edge in found]


async def _edges(name: str, pattern: str, component: str) -> tuple[list[tuple[str, debug_pb2.Edge]], str]:
    """With their component, and who could not be asked."""
    async with open_fleet(name) as fleet:
        answers = await fleet.ask(lambda stub: stub.ListEdges(debug_pb2.ListEdgesRequest()), component)
    by_component = {one: answer.edges for one, answer in sorted(answers.got.items())}
    every = [(one, edge) for one, found in by_component.items() for edge in sorted(found, key=lambda edge: edge.name)]
    if pattern != "*":
        check_edge(pattern, [edge.name for _, edge in every])
    return [(one, edge) for one, edge in every if fnmatchcase(edge.name, pattern)], answers.complaint


async def seen_edges(fleet: Fleet, component: str = "*") -> list[str]:
    """Names of the edges that components have had so far."""
    answers = await fleet.ask(lambda stub: stub.ListEdges(debug_pb2.ListEdgesRequest()), component)
    return sorted({edge.name for answer in answers.got.values() for edge in answer.edges})


def _row(component: str, edge: debug_pb2.Edge) -> list[str]:
    who, whom, what = parties(component, edge.name)
    held = f"{edge.held} ({edge.waiting} now)" if edge.waiting else str(edge.held)
    latency = [show_duration(edge.mean_seconds), show_duration(edge.max_seconds)] if edge.timed else ["-", "-"]
    return [
        who, whom, edge.name, what, str(edge.passed), held,
        str(edge.dropped), str(edge.failed), str(edge.delayed), *latency,
    ]  # fmt: skip


def _tree(component: str, edge: debug_pb2.Edge) -> dict[str, Any]:
    who, whom, what = parties(component, edge.name)
    return {
        "component": component,
        "from": who,
        "to": whom,
        "edge": edge.name,
        "what": what,
        **{count: getattr(edge, count) for count in (*COUNTED, "doubled", "waiting", "timed")},
        "mean_seconds": edge.mean_seconds,
        "max_seconds": edge.max_seconds,
    }
