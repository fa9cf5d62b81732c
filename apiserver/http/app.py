"""The front door: from an HTTP request to its answer, whatever it asks for."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import orjson

from apimachinery.errors import ApiError, internal
from apiserver.handlers.authz import Attributes
from apiserver.handlers.pipeline import Pipeline
from apiserver.http.connect import KubeletConnector
from apiserver.http.discovery import Discovery
from apiserver.http.health import ENDPOINTS, Check, Health
from apiserver.http.identity import Authenticator, identify
from apiserver.http.message import Answer, HeaderList, HttpRequest, Response, Upgrade, plain
from apiserver.http.metrics import Metrics, Series
from apiserver.http.openapi import OpenApi
from apiserver.http.openapi_v2 import OpenApiV2
from apiserver.http.resources import ResourceHandler
from apiserver.http.routes import Route, parse
from apiserver.http.told import tell_request
from apiserver.http.views import TableSource, prettify
from apiserver.registry.request import User
from apiserver.registry.resource import Resources
from apiserver.registry.strategy import Reader
from apiserver.schema.store import SchemaStore
from wire import trace
from wire.seams import Seams

log = logging.getLogger(__name__)

VERSION: Final = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-04-22T00:00:00Z",
    "goVersion": "go1.26.0",
    "compiler": "gc",
    "platform": "linux/amd64",
}

_NO_CACHE: Final = ("Cache-Control", "no-cache, private")
_PATHS: Final = (
    "/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
)  # fmt: skip


class FrontDoorConfig(Protocol):
    """What the front door reads of the apiserver's configuration."""

    @property
    def pki_dir(self) -> Path: ...
    @property
    def secure_address(self) -> str: ...


class HttpApp:
    """Call it with a request. One per apiserver; `close` ends its channels to kubelets."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        authenticator: Authenticator,
        resources: Resources,
        schema: SchemaStore,
        tables: TableSource,
        reader: Reader,
        seams: Seams,
        config: FrontDoorConfig,
        checks: Mapping[str, Check] | None = None,
        readiness: Mapping[str, Check] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._authenticator = authenticator
        self._seams = seams
        self.metrics = Metrics()
        self._discovery = Discovery(resources, config.secure_address)
        self._openapi = OpenApi(self._discovery, resources, schema)
        self._openapi_v2 = OpenApiV2(self._discovery, resources, schema)
        self._health = Health(checks or {}, readiness or {})
        self._connector = KubeletConnector(pipeline, reader, seams, config.pki_dir)
        self._resources = ResourceHandler(pipeline, resources, self._connector, tables, seams, self.metrics)

    async def close(self) -> None:
        await self._connector.close()

    async def __call__(self, request: HttpRequest) -> Answer:
        started = time.perf_counter()
        route = parse(request.method, request.path, watch=bool(request.raw_query) and request.flag("watch"))
        audit_id = request.header("audit-id") or os.urandom(16).hex()
        answer = await self._answer(request, route)
        headers: HeaderList = [("Audit-Id", audit_id)]
        if not any(name == "Cache-Control" for name, _ in answer.headers):
            headers.append(_NO_CACHE)
        answer.headers[:0] = headers if not isinstance(answer, Upgrade) else headers[:1]
        status = 101 if isinstance(answer, Upgrade) else answer.status
        self.metrics.observe(_series(route), status, time.perf_counter() - started)
        if self._seams.capture.active:
            tell_request(self._seams, request, route, answer, status, started)
        return answer

    async def _answer(self, request: HttpRequest, route: Route) -> Answer:
        try:
            if route.is_resource:
                return await self._traced(request, route)
            return await self._path(request, route, await self._identify(request))
        except ApiError as error:
            return failure(request, error)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            return failure(request, internal(f"{type(error).__name__}: {error}"))

    async def _traced(self, request: HttpRequest, route: Route) -> Answer:
        """In a span that says who asks for what, and from where."""
        parent = request.header(trace.HEADER)
        agent, client = request.header("user-agent"), request.client
        name = f"{route.verb} {route.resource}{'/' if route.subresource else ''}{route.subresource}"
        with self._seams.tracer.span(name, parent=parent, path=route.path, user_agent=agent, client=client) as span:
            user = await self._identify(request)
            span.attributes["user"] = user.name
            try:
                answer = await self._resources.handle(request, route, user)
            except ApiError as error:
                span.attributes["code"] = str(error.code)
                span.attributes["message"] = error.message
                raise
            span.attributes["code"] = "101" if isinstance(answer, Upgrade) else str(answer.status)
            return answer

    async def _identify(self, request: HttpRequest) -> User:
        return await identify(request, self._authenticator, self._pipeline)

    async def _path(self, request: HttpRequest, route: Route, user: User) -> Answer:
        """What is no resource."""
        await self._pipeline.authorize(Attributes(user, route.verb, path=request.path))
        parts = [part for part in request.path.split("/") if part]
        if request.method not in ("GET", "HEAD"):
            raise ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource")
        answer = await self._find(request, parts)
        return plain(404, "404 page not found\n") if answer is None else answer

    async def _find(self, request: HttpRequest, parts: list[str]) -> Answer | None:
        match parts:
            case ["api" | "apis", *_]:
                return self._discovery.answer(request, parts)
            case [endpoint, *one] if endpoint in ENDPOINTS and len(one) < 2:
                return await self._health.answer(request, endpoint, *one)
            case ["version"]:
                return Response(200, orjson.dumps(VERSION, option=orjson.OPT_INDENT_2))
            case ["openapi", "v2"]:
                return await self._openapi_v2.answer(request)
            case ["openapi", "v3", *rest]:
                return self._openapi.answer(request, "/".join(rest))
            case ["metrics"]:
                return Response(200, self.metrics.render().encode(), "text/plain; version=0.0.4; charset=utf-8")
            case []:
                return Response(200, orjson.dumps({"paths": self._paths()}, option=orjson.OPT_INDENT_2))
        return None

    def _paths(self) -> list[str]:
        groups = [f"/apis/{one}" for one in self._discovery.group_versions() if "/" in one]
        return sorted({*_PATHS, *groups, *(path.rpartition("/")[0] for path in groups)})


def failure(request: HttpRequest, error: ApiError) -> Response:
    """A refusal as the `Status` that clients parse."""
    body = orjson.dumps(error.to_status())
    if request.raw_query and request.flag("pretty"):
        body = prettify(body)
    headers: HeaderList = []
    retry = error.details.get("retryAfterSeconds")
    if retry:
        headers.append(("Retry-After", str(retry)))
    return Response(error.code, body, headers=headers)


def _series(route: Route) -> Series:
    scope = "resource" if route.name else "namespace" if route.namespace else "cluster" if route.is_resource else ""
    return Series(route.verb, route.group, route.version, route.resource, route.subresource, scope)
