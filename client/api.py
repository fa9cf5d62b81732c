"""The typed client: objects in as JSON trees and patches, out as frozen Structs.

A Struct is a view of the fields its component uses, so there is no "write back what I read": components create and
patch. Every call raises ApiError and nothing else. Writes may run by the hundred; see `client.pipeline`.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any

import grpc
import msgspec

from api.meta import T
from apimachinery.resources import GVR
from client.decode import decode, resource, tree
from client.transport import GrpcTransport, Transport
from proto import api_pb2
from wire.channel import connect
from wire.errors import from_proto
from wire.seams import Seams
from wire.tls import TlsFiles

JSON = dict[str, Any]
_Verb = api_pb2.WriteRequest.Verb
_encode = msgspec.json.encode


class PatchType(IntEnum):
    """As in `proto/api.proto`. MERGE (RFC 7386) serves components; the others are there for completeness."""

    MERGE = 0
    STRATEGIC = 1
    JSON = 2


class ApiClient:
    """Requests of one component. Methods ending in `_raw` know the resource by name only and give JSON trees."""

    def __init__(self, channel: grpc.aio.Channel, seams: Seams, *, user_agent: str = "") -> None:
        self._transport: Transport = GrpcTransport(channel, seams, user_agent=user_agent)

    async def aclose(self) -> None:
        await self._transport.aclose()

    # --- reads -------------------------------------------------------------------------------------------------------

    async def get(self, cls: type[T], name: str, namespace: str = "") -> T:
        return decode(cls, await self.get_object(cls.RESOURCE, name, namespace))

    async def get_raw(self, gvr: GVR, name: str, namespace: str = "", subresource: str = "") -> JSON:
        return tree(await self.get_object(gvr, name, namespace, subresource))

    async def get_object(self, gvr: GVR, name: str, namespace: str = "", subresource: str = "") -> api_pb2.Object:
        """The object as it crosses the wire: identity typed, body not decoded."""
        request = api_pb2.GetRequest(resource=resource(gvr), namespace=namespace, name=name, subresource=subresource)
        return await self._transport.get(request)

    async def list(
        self, cls: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> tuple[builtins.list[T], int]:
        """All items of one revision, and that revision."""
        items, revision = await self.list_objects(
            cls.RESOURCE, namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )
        return [decode(cls, item) for item in items], revision

    async def list_raw(
        self, gvr: GVR, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> tuple[builtins.list[JSON], int]:
        items, revision = await self.list_objects(
            gvr, namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )
        return [tree(item) for item in items], revision

    async def list_objects(
        self, gvr: GVR, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> tuple[builtins.list[api_pb2.Object], int]:
        request = api_pb2.ListRequest(
            resource=resource(gvr), namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )
        items: list[api_pb2.Object] = []
        revision = 0
        async for page in self._transport.list(request):
            items.extend(page.items)
            revision = page.resource_version or revision
        return items, revision

    async def watch(
        self,
        gvr: GVR,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: int = 0,
        send_initial_events: bool = False,
    ) -> AsyncIterator[api_pb2.WatchEvent]:
        """Events as they come; an ERROR event is raised as the ApiError it carries. Informers are built on this."""
        request = api_pb2.WatchRequest(
            resource=resource(gvr),
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            send_initial_events=send_initial_events,
        )
        async for batch in self._transport.watch(request):
            for event in batch.events:
                if event.type == api_pb2.WatchEvent.ERROR:
                    raise from_proto(event.status)
                yield event

    # --- writes ------------------------------------------------------------------------------------------------------

    async def create(self, cls: type[T], obj: JSON, *, namespace: str = "", name: str = "", subresource: str = "") -> T:
        """`name` is given with a subresource only: `pods/NAME/binding`. Those that answer with no object but with a
        Status (binding, eviction) give an empty `cls`."""
        created = await self.create_raw(cls.RESOURCE, obj, namespace=namespace, name=name, subresource=subresource)
        return cls() if created.kind == "Status" else decode(cls, created)

    async def create_raw(
        self, gvr: GVR, obj: JSON, *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> api_pb2.Object:
        namespace = namespace or obj.get("metadata", {}).get("namespace", "")
        return await self._write(_Verb.CREATE, gvr, namespace, name, obj, subresource=subresource)

    async def patch(
        self,
        cls: type[T],
        name: str,
        patch: JSON | builtins.list[JSON],
        *,
        namespace: str = "",
        subresource: str = "",
        type: PatchType = PatchType.MERGE,
    ) -> T:
        patched = await self.patch_raw(
            cls.RESOURCE, name, patch, namespace=namespace, subresource=subresource, type=type
        )
        return decode(cls, patched)

    async def patch_raw(
        self,
        gvr: GVR,
        name: str,
        patch: JSON | builtins.list[JSON],
        *,
        namespace: str = "",
        subresource: str = "",
        type: PatchType = PatchType.MERGE,
    ) -> api_pb2.Object:
        return await self._write(
            _Verb.PATCH, gvr, namespace, name, patch, subresource=subresource, patch_type=type.value
        )

    async def update(self, cls: type[T], obj: JSON, *, subresource: str = "") -> T:
        """PUT of a whole object that the caller read as a tree; its resourceVersion guards it."""
        return decode(cls, await self.update_raw(cls.RESOURCE, obj, subresource=subresource))

    async def update_raw(self, gvr: GVR, obj: JSON, *, subresource: str = "") -> api_pb2.Object:
        meta = obj["metadata"]
        return await self._write(
            _Verb.UPDATE, gvr, meta.get("namespace", ""), meta["name"], obj, subresource=subresource
        )

    async def delete(self, cls: type[T], name: str, *, namespace: str = "", options: JSON | None = None) -> None:
        """`options` is a DeleteOptions body. Raises NotFound if it is gone already."""
        await self.delete_raw(cls.RESOURCE, name, namespace=namespace, options=options)

    async def delete_raw(self, gvr: GVR, name: str, *, namespace: str = "", options: JSON | None = None) -> None:
        await self._write(_Verb.DELETE, gvr, namespace, name, options)

    async def _write(
        self,
        verb: api_pb2.WriteRequest.Verb,
        gvr: GVR,
        namespace: str,
        name: str,
        body: JSON | builtins.list[JSON] | None,
        *,
        subresource: str = "",
        patch_type: int = 0,
    ) -> api_pb2.Object:
        request = api_pb2.WriteRequest(
            verb=verb,
            resource=resource(gvr),
            namespace=namespace,
            name=name,
            subresource=subresource,
            patch_type=patch_type,  # type: ignore[arg-type]
            body=b"" if body is None else _encode(body),
        )
        return await self._transport.write(request)


@asynccontextmanager
async def connect_api(address: str, tls: TlsFiles, seams: Seams, *, user_agent: str = "") -> AsyncIterator[ApiClient]:
    """A client of the apiserver at `host:port`. It need not be up yet: calls fail with 503 until it is."""
    async with connect(address, seams, tls, server_name="orrery") as channel:
        api = ApiClient(channel, seams, user_agent=user_agent)
        try:
            yield api
        finally:
            await api.aclose()
