"""How calls, writes and events are described to those who listen to a component's traffic.

Called only while somebody listens (`seams.capture.active`), after the message is through.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import grpc

from apimachinery.errors import ApiError
from proto import api_pb2
from wire import trace
from wire.capture import Message
from wire.masking import Spoken
from wire.rules import Subject
from wire.subjects import subject_of

if TYPE_CHECKING:
    from wire.seams import Seams

_WRITE_MANY: Final = "/orrery.api.v1.Api/WriteMany"


def json_of(payload: Any) -> bytes:
    """A body as JSON: the object where the message carries one, else the message itself."""
    if isinstance(payload, Spoken):
        return json.dumps(payload.decode(errors="replace")).encode()
    if isinstance(payload, bytes):
        return payload
    fields = payload.DESCRIPTOR.fields_by_name
    if "raw" in fields:
        return bytes(payload.raw)
    if "object" in fields and payload.HasField("object"):
        return bytes(payload.object.raw)
    if "verb" in fields and "body" in fields:
        return bytes(payload.body)
    from google.protobuf import json_format

    text = str(json_format.MessageToJson(payload, preserving_proto_field_name=True, indent=None))
    return text.encode()


def status_of(error: BaseException) -> str:
    if isinstance(error, ApiError):
        return error.reason
    if isinstance(error, grpc.aio.AioRpcError):
        from wire.errors import from_rpc_error

        return from_rpc_error(error).reason
    return "Cancelled" if type(error).__name__ == "CancelledError" else type(error).__name__


def tell_call(
    seams: Seams,
    method: str,
    request: Any,
    response: Any = None,
    *,
    began: float,
    caller: str = "",
    callee: str = "",
    error: BaseException | None = None,
    served: bool = False,
) -> None:
    """A call is over; `began` is on `time.perf_counter`. Who is not named is this component."""
    refused = response is not None and "status" in response.DESCRIPTOR.fields_by_name and _refusal(response)
    message = _message(seams, method, request, caller, callee)
    message.seconds = time.perf_counter() - began
    message.status = status_of(error) if error is not None else refused or "OK"
    message.failed = message.status != "OK"
    message.served = served
    if response is not None:
        message.response_bytes = response.ByteSize()
        _complete(message, response)
    seams.capture.offer(message, request, response)


def tell_written(seams: Seams, request: Any, result: Any, began: float, error: BaseException | None = None) -> None:
    """A write that went through the stream of writes."""
    tell_call(seams, _WRITE_MANY, request, result, began=began, callee="apiserver", error=error)


def tell_text(
    seams: Seams, callee: str, method: str, subject: Subject, text: str, began: float, error: BaseException | None
) -> None:
    """Something was told a program of this host, in its own words."""
    message = Message(
        component=seams.component,
        caller=seams.component,
        callee=callee,
        method=method,
        **subject._asdict(),
        request_bytes=len(text.encode()),
        seconds=time.perf_counter() - began,
        status="OK" if error is None else status_of(error),
        failed=error is not None,
        traceparent=trace.current(),
    )
    seams.capture.offer(message, json.dumps(text).encode())


def tell_streamed(seams: Seams, method: str, request: Any, peer: str, answer: Any) -> None:
    """One message of a stream that the peer sends. Events and objects in it are told one by one."""
    for one, detail, obj in _parts(answer):
        message = _message(seams, method, request, "", peer)
        message.streamed, message.status = True, "OK"
        message.request_bytes = 0
        message.response_bytes = one.ByteSize()
        message.detail = detail
        if obj is not None:
            _identify(message, obj)
        if detail == "ERROR":
            message.status, message.failed = one.status.reason, True
        seams.capture.offer(message, None, one)


def _parts(answer: Any) -> Iterator[tuple[Any, str, Any]]:
    """What a message of a stream is made of: the part, a word for it, its object."""
    if isinstance(answer, api_pb2.WatchBatch):
        for event in answer.events:
            yield event, api_pb2.WatchEvent.Type.Name(event.type), event.object
    elif isinstance(answer, api_pb2.ListPage):
        for item in answer.items:
            yield item, "ITEM", item
    else:
        yield answer, "", None


def _message(seams: Seams, method: str, request: Any, caller: str, callee: str) -> Message:
    subject = subject_of(request)
    return Message(
        component=seams.component,
        caller=caller or seams.component,
        callee=callee or seams.component,
        method=method,
        detail=_detail(request),
        kind=subject.kind,
        namespace=subject.namespace,
        name=subject.name,
        request_bytes=request.ByteSize(),
        traceparent=getattr(request, "traceparent", "") or trace.current(),
    )


def _detail(request: Any) -> str:
    fields = request.DESCRIPTOR.fields_by_name
    words = [request.Verb.Name(request.verb)] if "verb" in fields else []
    return " ".join([*words, *([request.subresource] if "subresource" in fields and request.subresource else [])])


def _refusal(response: Any) -> str:
    field = response.DESCRIPTOR.fields_by_name["status"]
    return (
        str(response.status.reason)
        if field.message_type is api_pb2.Status.DESCRIPTOR and response.HasField("status")
        else ""
    )


def _complete(message: Message, response: Any) -> None:
    """The answer knows the name that a server made up, and the revision."""
    obj = getattr(response, "object", response)
    if isinstance(obj, api_pb2.Object) and obj.name:
        message.name, message.revision = obj.name, obj.resource_version


def _identify(message: Message, obj: Any) -> None:
    message.kind = message.kind or obj.kind
    message.namespace, message.name = obj.namespace, obj.name
    message.revision = obj.resource_version
    message.traceparent = obj.traceparent


def tell_served(
    seams: Seams, method: str, request: Any, response: Any, context: Any, began: float, error: BaseException | None
) -> None:
    """A call that this component answered. An answer that is bytes already is not taken apart again."""
    from wire.tls import peer_identity

    identity = peer_identity(context)
    caller = identity.user if identity else "(unix socket)"
    known = None if isinstance(response, bytes) else response
    tell_call(seams, method, request, known, began=began, caller=caller, error=error, served=True)
