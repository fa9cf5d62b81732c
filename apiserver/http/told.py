"""REST requests as those see them who listen to the apiserver's traffic."""

from __future__ import annotations

import time

import msgspec

from apimachinery.errors import ApiError
from apiserver.http.message import JSON_TYPE, Answer, HttpRequest, Response
from apiserver.http.negotiate import PROTOBUF_TYPE, YAML_TYPE
from apiserver.http.routes import Route
from apiserver.registry.request import Request, WatchEvent
from wire import trace
from wire.capture import Message
from wire.seams import Seams


def tell_request(seams: Seams, request: HttpRequest, route: Route, answer: Answer, status: int, started: float) -> None:
    """A request was answered; of a stream, that it has begun."""
    body = b"" if request.too_large else request.body
    whole = isinstance(answer, Response)
    message = Message(
        component=seams.component,
        caller=_caller(request),
        callee=seams.component,
        method=f"{request.method} {request.path}",
        detail=" ".join(word for word in (route.verb, route.subresource) if word),
        kind=route.resource,
        namespace=route.namespace,
        name=route.name or _name_in(body, request),
        request_bytes=len(body),
        response_bytes=len(answer.body) if isinstance(answer, Response) else 0,
        seconds=time.perf_counter() - started,
        status=str(status),
        failed=status >= 400,
        traceparent=request.header(trace.HEADER),
    )
    if not seams.capture.bodies:
        seams.capture.offer(message)
        return
    answered = _json(answer.body, answer.content_type) if isinstance(answer, Response) and whole else None
    seams.capture.offer(message, _json(body, request.header("content-type")) if body else None, answered)


def tell_events(seams: Seams, request: HttpRequest, call: Request, events: list[WatchEvent]) -> None:
    """What a watch sends. With nobody listening this is one look."""
    if seams.capture.active:
        for event in events:
            _tell_event(seams, request, call, event)


def _tell_event(seams: Seams, request: HttpRequest, call: Request, event: WatchEvent) -> None:
    message = Message(
        component=seams.component,
        caller=_caller(request),
        callee=seams.component,
        method=f"{request.method} {request.path}",
        detail=event.type,
        kind=call.gvr.resource,
        namespace=call.namespace,
        revision=event.revision,
        streamed=True,
        status="OK" if event.error is None else event.error.reason,
        failed=event.error is not None,
    )
    raw = None
    if event.object is not None:
        raw, message.namespace, message.name = event.object.raw, event.object.namespace, event.object.name
        message.traceparent = event.object.traceparent
        message.response_bytes = len(raw)
    elif event.error is not None:
        raw = msgspec.json.encode(event.error.to_status())
    seams.capture.offer(message, None, raw)


def _caller(request: HttpRequest) -> str:
    """`kubectl (kubernetes-admin)`: the program, and whom its certificate names, if it showed one."""
    agent = request.header("user-agent").partition("/")[0] or "http"
    return f"{agent} ({request.certificate.user})" if request.certificate else agent


def _name_in(body: bytes, request: HttpRequest) -> str:
    """A creation names its object in the body only."""
    if not body or request.method != "POST":
        return ""
    try:
        tree = msgspec.json.decode(_json(body, request.header("content-type")))
    except msgspec.DecodeError:
        return ""
    metadata = tree.get("metadata") if isinstance(tree, dict) else None
    return str((metadata or {}).get("name") or (metadata or {}).get("generateName") or "")


def _json(body: bytes, media: str) -> bytes:
    """A body as JSON, whatever it came as; a string that says what it is where it cannot be read."""
    kind = media.partition(";")[0].strip()
    try:
        if kind == PROTOBUF_TYPE:
            from apiserver.codec import protobuf

            return msgspec.json.encode(protobuf.decode(body)[1])
        if kind in (YAML_TYPE, "application/apply-patch+yaml"):
            from apiserver.codec.yaml import decode_yaml

            return msgspec.json.encode(decode_yaml(body))
    except (ApiError, ValueError, TypeError) as error:
        return msgspec.json.encode(f"({len(body)} bytes of {kind} that cannot be read: {error})")
    if not kind or "json" in kind or kind == JSON_TYPE:
        return body
    return msgspec.json.encode(f"({len(body)} bytes of {kind})")
