"""From messages of `api.proto` to the one request that the pipeline takes."""

from __future__ import annotations

from typing import Any, Final

import orjson

from apimachinery.errors import bad_request
from apimachinery.resources import GVR
from apiserver.registry.options import NOT_OLDER_THAN
from apiserver.registry.request import FieldValidation, ListOptions, PatchType, Request, User
from proto import api_pb2

_VERBS: Final = {
    api_pb2.WriteRequest.CREATE: "create",
    api_pb2.WriteRequest.UPDATE: "update",
    api_pb2.WriteRequest.PATCH: "patch",
    api_pb2.WriteRequest.DELETE: "delete",
}
_PATCHES: Final = {
    api_pb2.WriteRequest.MERGE: PatchType.MERGE,
    api_pb2.WriteRequest.STRATEGIC: PatchType.STRATEGIC,
    api_pb2.WriteRequest.JSON: PatchType.JSON,
}


def _gvr(resource: api_pb2.Resource) -> GVR:
    return GVR(resource.group, resource.version, resource.resource)


def get_request(message: api_pb2.GetRequest, user: User) -> Request:
    return Request(
        "get",
        _gvr(message.resource),
        user,
        namespace=message.namespace,
        name=message.name,
        subresource=message.subresource,
    )


def list_request(message: api_pb2.ListRequest, user: User) -> Request:
    options = ListOptions(label_selector=message.label_selector, field_selector=message.field_selector)
    return Request("list", _gvr(message.resource), user, namespace=message.namespace, query=options)


def watch_request(message: api_pb2.WatchRequest, user: User) -> Request:
    """Without a revision: everything as ADDED, then a bookmark that says so, then what happens."""
    initial = message.send_initial_events or not message.resource_version
    options = ListOptions(
        label_selector=message.label_selector,
        field_selector=message.field_selector,
        resource_version=str(message.resource_version) if message.resource_version else "",
        resource_version_match=NOT_OLDER_THAN if initial else "",
        send_initial_events=True if initial else None,
        allow_watch_bookmarks=True,
    )
    return Request("watch", _gvr(message.resource), user, namespace=message.namespace, query=options)


def write_request(message: api_pb2.WriteRequest, user: User) -> Request:
    """Raises ApiError 400 for a body that is no JSON."""
    verb = _VERBS[message.verb]
    return Request(
        verb,
        _gvr(message.resource),
        user,
        namespace=message.namespace,
        name=message.name,
        subresource=message.subresource,
        body=_body(message.body),
        patch_type=_PATCHES[message.patch_type] if verb == "patch" else None,
        dry_run=message.dry_run,
        field_validation=FieldValidation.IGNORE,
        traceparent=message.traceparent,
    )


def _body(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is no JSON: {error}") from None
