"""Requests on resources: from URL and body to a call of the pipeline, and its answer in the client's form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.codec import protobuf
from apiserver.handlers.authz import Attributes
from apiserver.handlers.pipeline import Pipeline
from apiserver.http import bodies
from apiserver.http.message import WEBSOCKET, Answer, HttpRequest, Response, StreamResponse
from apiserver.http.metrics import Metrics, Series
from apiserver.http.negotiate import YAML_TYPE, Form, negotiate, not_acceptable
from apiserver.http.options import WriteOptions, list_options, write_options
from apiserver.http.routes import Route
from apiserver.http.told import tell_events
from apiserver.http.views import TableSource, View
from apiserver.http.watches import watch_response
from apiserver.registry.request import FieldValidation, PatchType, Request, User, WriteOutcome
from apiserver.registry.resource import Resources, Served
from wire.seams import Seams

_PRETTY_AGENTS: Final = ("curl", "Wget", "Mozilla/5.0")
_ON_OBJECTS: Final = frozenset({"get", "update", "patch", "delete"})


class Connector(Protocol):
    """Serves the subresources that are streams: exec, attach, portforward, log, proxy."""

    def handles(self, resource: str, subresource: str) -> bool: ...

    async def connect(self, request: HttpRequest, call: Request) -> Answer: ...


class ResourceHandler:
    """Everything under `/api/V/...` and `/apis/G/V/...`."""

    def __init__(
        self,
        pipeline: Pipeline,
        resources: Resources,
        connector: Connector,
        tables: TableSource,
        seams: Seams,
        metrics: Metrics,
    ) -> None:
        self._pipeline = pipeline
        self._resources = resources
        self._connector = connector
        self._tables = tables
        self._seams = seams
        self._metrics = metrics
        self._verbs: dict[str, Callable[[HttpRequest, Request, Served], Awaitable[Answer]]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    async def handle(self, request: HttpRequest, route: Route, user: User) -> Answer:
        """Raises ApiError."""
        served = await self._find(route, user)
        namespaced = served.info.namespaced
        call = Request(
            verb=route.verb,
            gvr=served.info.gvr,
            user=user,
            namespace=route.namespace if namespaced else "",
            name=route.name,
            subresource=route.subresource,
            in_span=True,
        )
        if self._connector.handles(route.resource, route.subresource):
            answer = await self._connector.connect(request, call)
        else:
            answer = await self._verbs[route.verb](request, call, served)
        if isinstance(answer, StreamResponse) and request.upgrade == WEBSOCKET:
            from apiserver.http.upgrades import streamed

            return await streamed(request, answer)
        return answer

    # --- what there is

    async def _find(self, route: Route, user: User) -> Served:
        served = self._resources.get(GVR(route.group, route.version, route.resource))
        if served is None or not _fits(route, served):
            await self._authorize(route, user)
            raise ApiError("NotFound", "the server could not find the requested resource")
        allowed: tuple[str, ...] = served.info.verbs
        if route.subresource:
            allowed = served.info.subresources[route.subresource].verbs
        if not _allowed(route, served, allowed):
            await self._authorize(route, user)
            raise ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource")
        return served

    async def _authorize(self, route: Route, user: User) -> None:
        """Who may not ask is not told what there is."""
        asked = (route.verb, route.group, route.version, route.resource, route.subresource)
        await self._pipeline.authorize(Attributes(user, *asked, route.namespace, route.name))

    # --- reading

    async def _get(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        call = _with(call, query=list_options(request))
        return view.object_response(await self._pipeline.get(call))

    async def _list(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        call = _with(call, query=list_options(request))
        return view.list_response(await self._pipeline.list(call))

    async def _watch(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        if view.form.media == YAML_TYPE:
            raise not_acceptable(protobuf=protobuf.encodable(view.gvk))
        call = _with(call, query=list_options(request, call.name), name="")
        series = series_of(call)
        self._metrics.begin(series)
        tell = partial(tell_events, self._seams, request, call)
        return await watch_response(self._pipeline.watch(call), view, lambda: self._metrics.end(series), tell)

    # --- writing

    async def _create(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        options = write_options(request, "CreateOptions")
        tree, problems = bodies.decode_object(request, view.gvk)
        bodies.place_in_namespace(tree, call.namespace)
        call = _with(call, options, body=tree, decode_errors=problems)
        return _written(view, await self._pipeline.create(call))

    async def _update(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        options = write_options(request, "UpdateOptions")
        tree, problems = bodies.decode_object(request, view.gvk)
        bodies.check_names(tree, call.name, call.namespace)
        call = _with(call, options, body=tree, decode_errors=problems)
        return _written(view, await self._pipeline.update(call))

    async def _patch(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        patch_type, patch, problems = bodies.decode_patch(request, strategic=served.resource.builtin)
        options = write_options(request, "PatchOptions", patch_type)
        if patch_type is PatchType.APPLY:
            bodies.check_applied(patch, view.gvk, call.name, call.namespace)
        call = _with(call, options, body=patch, patch_type=patch_type, decode_errors=problems)
        return _written(view, await self._pipeline.patch(call))

    async def _delete(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        options = bodies.decode_delete_options(request)
        call = _with(call, _delete_write_options(request, options), body=options)
        return _written(view, await self._pipeline.delete(call))

    async def _delete_collection(self, request: HttpRequest, call: Request, served: Served) -> Answer:
        view = self._view(request, call, served)
        options = bodies.decode_delete_options(request)
        call = _with(call, _delete_write_options(request, options), body=options, query=list_options(request))
        return view.list_response(await self._pipeline.delete_collection(call))

    # --- the answer's form

    def _view(self, request: HttpRequest, call: Request, served: Served) -> View:
        gvk = served.info.gvk
        if call.subresource:
            gvk = served.info.subresources[call.subresource].kind
        form = negotiate(request.header("accept"), protobuf=served.resource.builtin and protobuf.encodable(gvk))
        if request.raw_query or not form.pretty:
            form = _prettier(request, form)
        return View(
            form,
            gvk,
            served.resource.builtin,
            request.param("includeObject") or "Metadata",
            self._tables,
            self._seams.clock.time,
        )


def _fits(route: Route, served: Served) -> bool:
    """Whether a URL of this shape exists for the resource."""
    info = served.info
    if route.subresource and route.subresource not in info.subresources:
        return False
    if not info.namespaced:
        return not route.namespace or info.gvr.resource == "namespaces"
    return bool(route.namespace) or not route.name


def _allowed(route: Route, served: Served, verbs: tuple[str, ...]) -> bool:
    if route.verb not in verbs:
        return False
    if route.subresource:
        return True
    if route.verb in ("create", "deletecollection"):
        return not route.name and (bool(route.namespace) or not served.info.namespaced)
    return bool(route.name) if route.verb in _ON_OBJECTS else True


def _with(call: Request, options: WriteOptions | None = None, **changes: object) -> Request:
    fields = {name: getattr(call, name) for name in Request.__slots__}
    if options is not None:
        fields.update(
            dry_run=options.dry_run,
            field_manager=options.field_manager,
            field_validation=options.field_validation,
            force=options.force,
        )
    return Request(**{**fields, **changes})


def _delete_write_options(request: HttpRequest, options: dict[str, object]) -> WriteOptions:
    dry_run = bool(options.get("dryRun")) or "dryRun" in request.query
    return WriteOptions(dry_run, "", FieldValidation.IGNORE, False)


def _written(view: View, outcome: WriteOutcome) -> Response:
    response = view.object_response(outcome.object, outcome.status_code)
    response.headers += [("Warning", warning_header(text)) for text in outcome.warnings]
    return response


def warning_header(text: str) -> str:
    """RFC 7234: code 299, an agent nobody names, the text as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return f'299 - "{escaped}"'


def _prettier(request: HttpRequest, form: Form) -> Form:
    if "pretty" in request.query:
        return form._replace(pretty=request.flag("pretty"))
    return form._replace(pretty=True) if request.header("user-agent").startswith(_PRETTY_AGENTS) else form


def series_of(call: Request) -> Series:
    scope = "resource" if call.name else "namespace" if call.namespace else "cluster"
    return Series(call.verb, call.gvr.group, call.gvr.version, call.gvr.resource, call.subresource, scope)
