"""The one path of every request: authorize, mutate, validate, store. Both front doors call it.

Every method raises ApiError, and only that. What a method gives back is in the version that the request named.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

import orjson

from apimachinery.errors import ApiError, bad_request, not_found
from apimachinery.merge_patch import clone
from apimachinery.resources import GVK, GVR, join_key
from apiserver.handlers.admission import AdmissionPlugin
from apiserver.handlers.admitter import Admitter
from apiserver.handlers.authz import Attributes, Authorizer, attributes_of, refusal
from apiserver.handlers.virtual import VirtualResource
from apiserver.limits import DELETE_COLLECTION_WORKERS
from apiserver.registry import meta
from apiserver.registry.body import check_body
from apiserver.registry.conversion import from_storage, serve, to_storage
from apiserver.registry.deletion import options_of
from apiserver.registry.internal import InternalObjects
from apiserver.registry.listing import list_objects
from apiserver.registry.patching import apply_patch, check_patch
from apiserver.registry.request import JSON, ListResult, PatchType, Request, StoredObject, WatchEvent, WriteOutcome
from apiserver.registry.resource import Resources, Served
from apiserver.registry.store import Outcome, Registry, Write
from apiserver.registry.strategy import Context, StatusStrategy, Strategy, SubresourceStrategy
from apiserver.registry.subresources.call import Call, SubresourceHandler, not_allowed
from apiserver.registry.watching import watch_objects
from apiserver.watch.alarms import Alarms
from wire import trace
from wire.seams import Seams

_IN_SPAN: Final = nullcontext()


@dataclass(frozen=True)
class Parts:
    """What a pipeline is made of."""

    resources: Resources
    registry: Registry
    objects: InternalObjects
    authorizer: Authorizer
    chain: Sequence[AdmissionPlugin]
    handlers: Mapping[tuple[str, str, str], SubresourceHandler]
    virtual: Mapping[tuple[str, str], VirtualResource]
    alarms: Alarms
    seams: Seams


class Pipeline:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.resources = parts.resources

    # --- reading ---

    async def get(self, request: Request) -> StoredObject:
        """One object, or what a subresource with a `get` answers (scale)."""
        served = await self._admit_request(request)
        virtual = self._virtual(request)
        if virtual is not None:
            return _loose(await virtual.get(request))
        handler = self._handler(request)
        if handler is not None:
            return _loose(await handler.get(self._call(request, served, {})))
        return serve(served, await self._read(request, served))

    async def list(self, request: Request) -> ListResult:
        served = await self._admit_request(request)
        virtual = self._virtual(request)
        if virtual is not None:
            return ListResult([_loose(one) for one in await virtual.list(request)], 0)
        result = await list_objects(self._parts.registry.store, served.resource, request)
        if served.info.gvr == served.resource.storage:
            return result
        return result._replace(items=[serve(served, one) for one in result.items])

    async def watch(self, request: Request) -> AsyncIterator[builtins.list[WatchEvent]]:
        """Batches of events, never empty, until the client goes or the timeout ends it. ApiErrors that concern the
        request come before the first batch; those of the stream are its last event."""
        served = await self._admit_request(request)
        if self._virtual(request) is not None:
            raise not_allowed()
        parts = self._parts
        same = served.info.gvr == served.resource.storage
        async for batch in watch_objects(parts.registry.store, parts.alarms, parts.seams, served.resource, request):
            yield batch if same else [_served_event(served, event) for event in batch]

    # --- writing ---

    async def create(self, request: Request) -> WriteOutcome:
        with self._span(request):
            served = await self._admit_request(request)
            virtual = self._virtual(request)
            if virtual is not None:
                body, _ = self._checked(request, served.gvk)
                return WriteOutcome(await virtual.create(replace(request, body=body)), 201)
            handler = self._handler(request)
            if handler is not None:
                return await self._handle(request, served, handler)
            if request.subresource:
                raise not_allowed()
            return await self._create(request, served)

    async def update(self, request: Request) -> WriteOutcome:
        with self._span(request):
            served = await self._admit_request(request)
            handler = self._handler(request)
            if handler is not None:
                return await self._handle(request, served, handler)
            body, warnings = self._checked(request, served.gvk)
            meta.place(body, namespaced=served.info.namespaced, namespace=request.namespace, name=request.name)
            if body["metadata"].get("name") is None:
                raise bad_request("name must be provided")
            body = to_storage(served, body)

            async def produce(current: StoredObject) -> JSON:
                copied: JSON = clone(body)
                return copied

            write, admitter = self._write(request, served, self._part(request, served))
            try:
                outcome = await self._parts.registry.update(write, _key(request), produce)
            except ApiError as error:
                strategy = served.resource.strategy
                missing = error.reason == "NotFound" and not request.subresource
                if not missing or not strategy.allow_create_on_update:
                    raise
                return await self._create(replace(request, verb="create", body=body), served, warnings)
            return self._outcome(served, outcome, 200, [*warnings, *admitter.warnings])

    async def patch(self, request: Request) -> WriteOutcome:
        with self._span(request):
            served = await self._admit_request(request)
            handler = self._handler(request)
            if handler is not None:
                return await self._handle(request, served, handler)
            kind, resource = request.patch_type, served.resource
            check_patch(kind, request.body, builtin=resource.builtin, force=request.force)
            assert kind is not None
            warnings: builtins.list[str] = []

            async def produce(current: StoredObject) -> JSON:
                body, found = self._patched(request, served, kind, current)
                warnings[:] = found
                return body

            write, admitter = self._write(request, served, self._part(request, served))
            outcome = await self._parts.registry.update(write, _key(request), produce)
            return self._outcome(served, outcome, 200, [*warnings, *admitter.warnings])

    def _patched(
        self, request: Request, served: Served, kind: PatchType, current: StoredObject
    ) -> tuple[JSON, builtins.list[str]]:
        """The object after the patch, in the storage version; the patch itself speaks the version of the URL."""
        document = from_storage(served, current.copy())
        schema = self.resources.schema(served.gvk)
        patched = apply_patch(kind, document, request.body, schema)
        body, warnings = check_body(
            patched,
            served.gvk,
            schema,
            request.field_validation,
            decode_warnings=request.decode_errors,
            patched=True,
        )
        meta.place(body, namespaced=served.info.namespaced, namespace=request.namespace, name=request.name)
        return to_storage(served, body), warnings

    # --- deleting ---

    async def delete(self, request: Request) -> WriteOutcome:
        with self._span(request):
            served = await self._admit_request(request)
            if request.subresource:
                raise not_allowed()
            return await self._delete(request, served, _key(request))

    async def delete_collection(self, request: Request) -> ListResult:
        """The objects whose deletion began."""
        with self._span(request):
            served = await self._admit_request(request)
            found = await list_objects(self._parts.registry.store, served.resource, request)
            slots = asyncio.Semaphore(DELETE_COLLECTION_WORKERS)

            async def delete(obj: StoredObject) -> None:
                async with slots:
                    try:
                        one = replace(request, namespace=obj.namespace, name=obj.name)
                        await self._delete(one, served, obj.key)
                    except ApiError as error:
                        if error.reason != "NotFound":
                            raise

            await _all(delete(obj) for obj in found.items)
            return found._replace(items=[serve(served, one) for one in found.items])

    async def _delete(self, request: Request, served: Served, key: str) -> WriteOutcome:
        write, admitter = self._write(request, served, None)
        found, gone = await self._parts.registry.delete(write, key, options_of(request.body))
        if not gone:
            return self._outcome(served, found, 200, admitter.warnings)._replace(pending=True)
        metadata = (found.tree if isinstance(found, StoredObject) else found)["metadata"]
        details = {"name": metadata["name"], "kind": served.resource.name, "uid": metadata["uid"]}
        if served.resource.group:
            details["group"] = served.resource.group
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        last = serve(served, found) if isinstance(found, StoredObject) else None
        return WriteOutcome(status, 200, tuple(admitter.warnings), deleted=last)

    # --- everything else ---

    async def connect(self, request: Request) -> StoredObject:
        """Authorization and admission for exec, attach, log, portforward and proxy; gives the object connected to."""
        served = await self._admit_request(request)
        found = await self._read(request, served)
        _, admitter = self._write(request, served, None, verb="connect")
        await admitter.mutate(found.copy(), None)
        await admitter.validate(found.copy(), None)
        return found

    async def authorize(self, attrs: Attributes) -> None:
        """For URLs that are no resource (`/healthz`, `/metrics`), and for whoever asks by themselves. Raises 403."""
        decision = await self._parts.authorizer.authorize(attrs)
        if not decision.allowed:
            raise refusal(attrs, decision.reason)

    # --- pieces ---

    async def _admit_request(self, request: Request) -> Served:
        """Find the resource and make sure that the user may do this to it."""
        served = self.resources.find(request.gvr)
        info = served.info
        sub = info.subresources.get(request.subresource) if request.subresource else None
        if request.subresource and sub is None:
            raise ApiError("NotFound", "the server could not find the requested resource")
        await self.authorize(attributes_of(request))
        if request.verb not in (sub.verbs if sub else info.verbs):
            raise not_allowed()
        return served

    async def _read(self, request: Request, served: Served) -> StoredObject:
        found = await self._parts.registry.store.read(served.resource, _key(request))
        if found is None:
            raise not_found(request.gvr.group, request.gvr.resource, request.name)
        return found

    async def _create(
        self, request: Request, served: Served, warnings: builtins.list[str] | None = None
    ) -> WriteOutcome:
        if warnings is None:
            body, warnings = self._checked(request, served.gvk)
            meta.place(body, namespaced=served.info.namespaced, namespace=request.namespace, name=request.name)
            body = to_storage(served, body)
        else:
            body = request.body
        write, admitter = self._write(request, served, None, verb="create")
        outcome = await self._parts.registry.create(write, body)
        return self._outcome(served, outcome, 201, [*warnings, *admitter.warnings])

    def _checked(self, request: Request, gvk: GVK) -> tuple[JSON, builtins.list[str]]:
        schema = self.resources.schema(gvk)
        return check_body(request.body, gvk, schema, request.field_validation, decode_warnings=request.decode_errors)

    def _write(
        self, request: Request, served: Served, part: SubresourceStrategy | None, *, verb: str = ""
    ) -> tuple[Write, Admitter]:
        parts, resource = self._parts, served.resource
        admitter = Admitter(parts.chain, request, resource, parts.objects, parts.seams, verb=verb)
        ctx = Context(request, resource.storage, parts.seams.clock.time(), parts.objects, request.subresource)
        schema = self.resources.schema(GVK(resource.group, resource.storage.version, resource.kind))
        return Write(resource, ctx, admitter, schema, request.dry_run, part), admitter

    def _part(self, request: Request, served: Served) -> SubresourceStrategy | None:
        if not request.subresource:
            return None
        strategy = served.resource.strategy
        found = strategy.subresources.get(request.subresource)
        if found is None and request.subresource == "status":
            found = StatusStrategy(strategy)
        if found is None:
            raise not_allowed()
        return found

    def _outcome(self, served: Served, outcome: Outcome, code: int, warnings: Sequence[str]) -> WriteOutcome:
        obj: Outcome
        obj = serve(served, outcome) if isinstance(outcome, StoredObject) else from_storage(served, outcome)
        if isinstance(obj, StoredObject):
            trace.note(object=obj.key, revision=str(obj.revision))
        strategy = served.resource.strategy
        if type(strategy).warnings is not Strategy.warnings:  # most kinds have none: then nothing is decoded
            tree = outcome.tree if isinstance(outcome, StoredObject) else outcome
            warnings = [*warnings, *strategy.warnings(tree)]
        return WriteOutcome(obj, code, tuple(dict.fromkeys(warnings)))

    # --- what is not simply an object ---

    def _virtual(self, request: Request) -> VirtualResource | None:
        return self._parts.virtual.get((request.gvr.group, request.gvr.resource))

    def _handler(self, request: Request) -> SubresourceHandler | None:
        return self._parts.handlers.get((request.gvr.group, request.gvr.resource, request.subresource))

    async def _handle(self, request: Request, served: Served, handler: SubresourceHandler) -> WriteOutcome:
        if request.verb == "patch":
            return await handler.change(self._call(request, served, {}))
        sub = served.info.subresources.get(request.subresource)
        body, warnings = self._checked(request, sub.kind if sub else served.gvk)
        name = "" if request.verb == "create" and not request.name else request.name
        meta.place(body, namespaced=served.info.namespaced, namespace=request.namespace, name=name)
        call = self._call(request, served, body)
        outcome = await (handler.create(call) if request.verb == "create" else handler.change(call))
        return outcome._replace(warnings=(*outcome.warnings, *warnings))

    def _call(self, request: Request, served: Served, body: JSON) -> Call:
        def make_write(gvr: GVR, part: SubresourceStrategy | None) -> Write:
            target = self.resources.find(gvr)
            verb = "" if part else "delete"
            return self._write(request, target, part, verb="update" if part else verb)[0]

        write, _ = self._write(request, served, None)
        return Call(request, served.resource, self._parts.registry, write.ctx, body, make_write)

    def _span(self, request: Request) -> AbstractContextManager[object]:
        about = join_key(request.namespace, request.name)
        if request.in_span:
            trace.note(object=about)
            return _IN_SPAN
        name = f"{request.verb} {request.gvr.resource}{'/' if request.subresource else ''}{request.subresource}"
        parent = request.traceparent or trace.current()
        return self._parts.seams.tracer.span(name, parent=parent, object=about, user=request.user.name)


def _key(request: Request) -> str:
    return join_key(request.namespace, request.name)


def _loose(tree: JSON) -> StoredObject:
    """An answer that is stored nowhere."""
    metadata = tree.get("metadata", {})
    key = join_key(metadata.get("namespace", ""), metadata.get("name", ""))
    return StoredObject(key, int(metadata.get("resourceVersion") or 0), orjson.dumps(tree))


def _served_event(served: Served, event: WatchEvent) -> WatchEvent:
    return event._replace(object=serve(served, event.object)) if event.object is not None else event


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Everything, and then the first error if there was one."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
