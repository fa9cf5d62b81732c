"""`orrery trace`: of a command, or of what last changed an object."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from apimachinery.errors import ApiError
from cli.debugging.fleet import Fleet, open_fleet
from cli.debugging.holding import held
from cli.errors import UserError
from cli.objects import Ref, parse_ref
from cli.output_files import require_writable
from cli.tracing.collect import Collector
from cli.tracing.limits import WAIT_SECONDS
from cli.tracing.switch import OFF, require
from cli.tracing.text import render
from cli.tracing.tree import Tree
from client.api import ApiClient, connect_api
from proto import api_pb2
from wire.limits import SPAN_RING
from wire.seams import make_seams, read_tracing
from wire.span import trace_id
from wire.tls import TlsFiles


@dataclass(frozen=True)
class TraceOptions:
    """What was asked for. One of `command` and `target` is given."""

    command: list[str] = field(default_factory=list)
    target: str = ""
    namespace: str = "default"
    wait: float = WAIT_SECONDS
    everything: bool = False
    otlp: str = ""
    html: str = ""


async def trace(name: str, options: TraceOptions) -> tuple[str, int]:
    """The text to print, and the command's exit code, or 1 if a file could not be written. Raises UserError."""
    _require_places(options)
    async with open_fleet(name) as fleet:
        if options.command:
            title, tree, code, asked = await _of_command(fleet, options)
        else:
            (title, tree, asked), code = await _of_target(fleet, options), 0
        waiting = await held_of(fleet, tree)
    text = render(tree, title, everything=options.everything)
    text += "".join(f"\n{line}" for line in asked.complaints())
    text += "".join(f"\n{line}" for line in waiting)
    text += f"\n{OFF}" if _is_off(fleet) else ""
    said, failed = _export(tree, title, options)
    return "\n".join([text, *said]), code or int(failed)


def _require_places(options: TraceOptions) -> None:
    """Where nothing can be written the work would be for nothing. Raises UserError before any is done."""
    for flag, name in (("--otlp", options.otlp), ("--html", options.html)):
        if name:
            require_writable(flag, Path(name))


async def held_of(fleet: Fleet, tree: Tree) -> list[str]:
    """Messages of the tree's traces that a hold keeps: where the tree ends for now."""
    traces = {span.trace_id for span in tree.spans()}
    found, _ = await held(fleet)
    return [
        f"waiting at a gate: {one.edge} {one.object} ({one.rule_id}); orrery release {one.id} lets it pass"
        for one in found
        if trace_id(one.traceparent) in traces
    ]


async def _of_command(fleet: Fleet, options: TraceOptions) -> tuple[str, Tree, int, Collector]:
    from cli.tracing.command import run

    require(fleet.paths)
    ran = await run(options.command, fleet.cluster)
    sys.stdout.flush()
    collector = Collector(fleet)
    roots = await collector.roots_of(ran.clients, ran.span.start)
    if not roots:
        missed = "".join(f"; {line}" for line in collector.complaints())
        problem = f"with code {ran.code} " if ran.code else ""
        raise UserError(
            f"the command ended {problem}and asked this cluster for no object: there is nothing to trace{missed}"
        )
    tree = await collector.until_quiet(frozenset(root.trace_id for root in roots), options.wait, ran.span)
    return f"trace of: {ran.span.attributes['object']}", tree, ran.code, collector


async def _of_target(fleet: Fleet, options: TraceOptions) -> tuple[str, Tree, Collector]:
    collector = Collector(fleet)
    wanted = options.target if _is_trace_id(options.target) else ""
    title = f"trace {wanted}"
    if not wanted:
        ref = parse_ref(options.target, options.namespace)
        found = await _object(fleet, ref)
        wanted = trace_id(found.traceparent)
        title = f"trace {wanted}: what wrote {ref.shown}@{found.resource_version} (as {found.writer or 'unknown'})"
    tree = await collector.until_quiet(frozenset([wanted]), options.wait)
    if not tree.roots:
        raise UserError(f"{title}: no component remembers it; each keeps its last {SPAN_RING} spans")
    return title, tree, collector


async def _object(fleet: Fleet, ref: Ref) -> api_pb2.Object:
    async with open_api(fleet) as api:
        try:
            found = await api.get_object(ref.gvr, ref.name, ref.namespace)
        except ApiError as error:
            raise UserError(error.message) from None
    if not trace_id(found.traceparent):
        raise UserError(f"{ref.shown}: nothing is known of the write that made it{_why_not(fleet)}")
    return found


@asynccontextmanager
async def open_api(fleet: Fleet) -> AsyncIterator[ApiClient]:
    """The apiserver, as admin."""
    address = fleet.cluster.addresses["apiserver-rpc"]
    tls = TlsFiles.in_directory(fleet.paths.pki, "admin")
    async with connect_api(address, tls, make_seams("orrery"), user_agent="orrery") as api:
        yield api


def _is_trace_id(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def _export(tree: Tree, title: str, options: TraceOptions) -> tuple[list[str], bool]:
    """Write the files asked for; gives what to say about them, and whether one could not be written."""
    said: list[str] = []
    failed = False
    for kind, name, make in (("OTLP/JSON", options.otlp, _otlp), ("page", options.html, _page)):
        try:
            if name:
                Path(name).write_text(make(tree, title))
                said.append(f"{kind}: {name}")
        except OSError as error:
            said.append(f"{kind}: {name} could not be written: {error.strerror}")
            failed = True
    return said, failed


def _otlp(tree: Tree, title: str) -> str:
    import json

    from cli.tracing.otlp import export

    return json.dumps(export(tree))


def _page(tree: Tree, title: str) -> str:
    from cli.tracing.page import page

    return page(tree, title)


def _is_off(fleet: Fleet) -> bool:
    return not read_tracing(fleet.paths.tracing)


def _why_not(fleet: Fleet) -> str:
    return f"; {OFF}" if _is_off(fleet) else " (was tracing off then?)"
