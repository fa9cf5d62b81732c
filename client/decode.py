"""Wire objects into the frozen Structs that components read, and requests' resources into wire form."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from api.meta import T
from apimachinery.errors import internal
from apimachinery.resources import GVR
from proto import api_pb2


@cache
def _decoder(cls: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(cls)


def decode(cls: type[T], obj: api_pb2.Object) -> T:
    """The object as `cls` sees it. Raises ApiError 500 for one that does not fit."""
    try:
        found: T = _decoder(cls).decode(obj.raw or b"{}")
        return found
    except msgspec.DecodeError as error:
        name = f"{obj.namespace}/{obj.name}" if obj.namespace else obj.name
        raise internal(f"cannot read {obj.kind} {name} as {cls.__name__}: {error}") from None


def tree(obj: api_pb2.Object) -> dict[str, Any]:
    """The object as a JSON tree that the caller may change."""
    found: dict[str, Any] = msgspec.json.decode(obj.raw or b"{}")
    return found


def resource(gvr: GVR) -> api_pb2.Resource:
    return api_pb2.Resource(group=gvr.group, version=gvr.version, resource=gvr.resource)
