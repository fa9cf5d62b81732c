"""`orrery compare record`: a live cluster's objects, and if wanted what happens for a while, as an input.

The file is JSON lines: a header, then one step per line, as `reading` takes them. A step keeps its order, not its time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from api.builtin import BUILTIN, Builtin
from apimachinery.errors import ApiError
from cli.compare.kinds import key_of
from cli.compare.limits import STEPS
from cli.compare.model import JSON, Do, Key
from cli.compare.reading import FORMAT, Input, make_step
from cli.compare.selecting import RESOURCES, as_input, change, in_order
from cli.compare.subjects import SUBJECTS
from cli.debugging.fleet import Fleet, open_fleet
from cli.errors import UserError
from cli.etcd.connection import Stub, open_view
from cli.kinds import REGISTRY, etcd_key
from cli.output_files import create
from cli.tracing.trace import open_api
from client.api import ApiClient
from proto import etcd_view_pb2 as view


async def snapshot(cluster: str, component: str, *, pending: bool) -> Input:
    """Of a cluster as it is. Raises UserError if it does not run, or has nothing to decide about."""
    async with open_fleet(cluster) as fleet, open_view(cluster) as etcd:
        steps = await _objects(fleet, etcd, component, _Known(), pending=pending)
    made = tuple(make_step(one, f"cluster {cluster}, object {number}") for number, one in enumerate(steps, 1))
    if not made:
        raise UserError(f"cluster {cluster} has nothing for a {component} to decide about; --input names a file")
    return Input(f"cluster {cluster}", "as it is now", made, component)


async def record(cluster: str, component: str, file: Path, seconds: float, count: int, *, pending: bool) -> str:
    """To a new file; with `seconds`, also what happens meanwhile, of which `count` (if not 0) is the most."""
    async with open_fleet(cluster) as fleet, open_view(cluster) as etcd:
        happening, known = _Happening(etcd), _Known()
        objects = await _objects(fleet, etcd, component, known, pending=pending)
        with create(file) as out:
            out.write(json.dumps({"format": FORMAT, "component": component, "cluster": cluster}) + "\n")
            written = 0
            for step in objects:
                written += _write(out, step)
            if seconds:
                print(f"{written} objects; recording what happens for {seconds:g} s", flush=True)
            most = min(STEPS, written + count) if count else STEPS
            async with aclosing(happening.steps(component, known, seconds)) as steps:
                async for step in steps:
                    written += _write(out, step)
                    if written >= most:
                        break
            if written >= STEPS and seconds:
                raise UserError(f"{STEPS} steps are recorded, the most that is compared at once; {file} has them")
    return f"{written} steps in {file}; orrery compare --input {file} {component} -- COMMAND"


def _write(out: TextIO, step: JSON) -> int:
    out.write(json.dumps(step, ensure_ascii=False) + "\n")
    out.flush()
    return 1


@dataclass
class _Known:
    """Objects that are part of the recording, with the revision in which they are known."""

    revisions: dict[Key, int] = field(default_factory=dict)

    def step(self, component: str, one: view.Revision) -> JSON | None:
        """What a write is as a step; None if it is none."""
        after, before = _tree(one.raw), _tree(one.previous)
        obj = after or before or {}
        key = key_of(obj)
        if key is None or key.resource not in RESOURCES[component] or one.writer == SUBJECTS[component].identity:
            return None
        if one.deleted or after is None:
            return {"do": Do.DELETE.value, "object": _named(obj)} if self.revisions.pop(key, None) else None
        known = self.revisions.get(key)
        if known is None:
            wanted = as_input(component, after) if one.version == 1 else None
            if wanted is not None:
                self.revisions[key] = one.revision
            return wanted
        if one.revision <= known:
            return None
        self.revisions[key] = one.revision
        patch = change(component, before or {}, after)
        return {"do": Do.PATCH.value, "object": _named(obj), "patch": patch} if patch else None


def _named(obj: JSON) -> JSON:
    metadata = {name: obj["metadata"][name] for name in ("namespace", "name") if name in obj["metadata"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}


def _tree(raw: bytes) -> JSON | None:
    found = json.loads(raw) if raw else None
    return found if isinstance(found, dict) else None


async def _objects(fleet: Fleet, etcd: Stub, component: str, known: _Known, *, pending: bool) -> list[JSON]:
    made: dict[str, int] = {}
    async for page in etcd.Keys(view.KeysRequest(prefix=REGISTRY)):
        made |= {key.key: key.created_revision for key in page.keys}
    found: list[tuple[int, str, JSON]] = []
    async with open_api(fleet) as api:
        for one in _kinds(component):
            for obj in await _listed(api, one):
                wanted = as_input(component, obj, pending=pending)
                if wanted is not None:
                    found.append((made.get(_etcd_key(one, obj), 0), one.gvr.resource, wanted))
                    key = key_of(obj)
                    assert key is not None
                    known.revisions[key] = int(obj["metadata"]["resourceVersion"])
    if len(found) > STEPS:
        raise UserError(f"{len(found)} objects are more than {STEPS}, the most that is compared at once")
    return in_order(component, found)


def _kinds(component: str) -> Iterator[Builtin]:
    for resource in RESOURCES[component]:
        yield next(one for one in BUILTIN if one.gvr.resource == resource)


async def _listed(api: ApiClient, one: Builtin) -> list[JSON]:
    try:
        items, _ = await api.list_raw(one.gvr)
    except ApiError as error:
        raise UserError(f"the apiserver: {error.message}") from None
    return [{"apiVersion": one.gvr.api_version, "kind": one.kind, **obj} for obj in items]


def _etcd_key(one: Builtin, obj: JSON) -> str:
    metadata = obj["metadata"]
    place = (metadata["namespace"],) if one.namespaced else ()
    return etcd_key("/".join((one.gvr.resource, *place, metadata["name"])))


class _Happening:
    """What is written from now on: begun before the objects are listed, so that nothing falls in between."""

    def __init__(self, etcd: Stub) -> None:
        self._call = etcd.Watch(view.WatchRequest(prefix=REGISTRY))

    async def steps(self, component: str, known: _Known, seconds: float) -> AsyncGenerator[JSON, None]:
        try:
            async with asyncio.timeout(seconds):
                async for one in self._call:
                    step = known.step(component, one)
                    if step is not None:
                        yield step
        except TimeoutError:
            return
        finally:
            self._call.cancel()
