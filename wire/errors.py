"""One model of errors, mapped to gRPC and back: `ApiError` <-> status code plus a serialized `Status`."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import grpc

from apimachinery.errors import ApiError
from proto import api_pb2

_STATUS_KEY: Final = "orrery-status-bin"

_GRPC_CODES: Final[dict[int, grpc.StatusCode]] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    409: grpc.StatusCode.ABORTED,
    410: grpc.StatusCode.OUT_OF_RANGE,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}

_REASONS: Final[dict[grpc.StatusCode, str]] = {
    grpc.StatusCode.UNAUTHENTICATED: "Unauthorized",
    grpc.StatusCode.PERMISSION_DENIED: "Forbidden",
    grpc.StatusCode.NOT_FOUND: "NotFound",
    grpc.StatusCode.UNAVAILABLE: "ServiceUnavailable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Timeout",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "TooManyRequests",
    grpc.StatusCode.CANCELLED: "ServiceUnavailable",
    grpc.StatusCode.ABORTED: "Conflict",
    grpc.StatusCode.ALREADY_EXISTS: "AlreadyExists",
    grpc.StatusCode.INVALID_ARGUMENT: "BadRequest",
    grpc.StatusCode.OUT_OF_RANGE: "Expired",
}


def reason_of(code: str) -> str:
    """The API's reason for a gRPC status name such as UNAVAILABLE."""
    return _REASONS.get(getattr(grpc.StatusCode, code, grpc.StatusCode.UNKNOWN), "InternalError")


def to_proto(error: ApiError) -> api_pb2.Status:
    details = json.dumps(error.details).encode() if error.details else b""
    return api_pb2.Status(code=error.code, reason=error.reason, message=error.message, details=details)


def from_proto(status: api_pb2.Status) -> ApiError:
    details = json.loads(status.details) if status.details else None
    return ApiError(status.reason, status.message, details=details, code=status.code)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: ApiError) -> NoReturn:
    """End a call with `error`, details included."""
    code = _GRPC_CODES.get(error.code, grpc.StatusCode.UNKNOWN)
    await context.abort(code, error.message, ((_STATUS_KEY, to_proto(error).SerializeToString()),))
    raise AssertionError("abort returned")


def from_rpc_error(error: grpc.aio.AioRpcError) -> ApiError:
    """What the peer refused, or why it could not be reached."""
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY and isinstance(value, bytes):
            return from_proto(api_pb2.Status.FromString(value))
    reason = _REASONS.get(error.code(), "InternalError")
    return ApiError(reason, error.details() or error.code().name)
