"""What a subresource handler is given, and what it must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from apimachinery.errors import ApiError, not_found
from apimachinery.resources import GVR, join_key
from apiserver.registry.request import JSON, Request, StoredObject, WriteOutcome
from apiserver.registry.resource import Resource
from apiserver.registry.store import Registry, Write
from apiserver.registry.strategy import Context, SubresourceStrategy

MakeWrite = Callable[[GVR, SubresourceStrategy | None], Write]


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a subresource. `body` has been checked against the schema of the subresource's kind."""

    request: Request
    resource: Resource
    registry: Registry
    ctx: Context
    body: JSON
    make_write: MakeWrite
    """A write by this request's user, through admission, of a resource and maybe only a part of it."""

    @property
    def key(self) -> str:
        return join_key(self.request.namespace, self.request.name)

    async def object(self) -> StoredObject:
        """The object that the subresource belongs to. Raises ApiError NotFound."""
        found = await self.registry.store.read(self.resource, self.key)
        if found is None:
            raise not_found(self.resource.group, self.resource.name, self.request.name)
        return found


class SubresourceHandler(Protocol):
    """Verbs that a subresource does not have raise ApiError MethodNotAllowed."""

    async def get(self, call: Call) -> JSON: ...

    async def create(self, call: Call) -> WriteOutcome: ...

    async def change(self, call: Call) -> WriteOutcome:
        """Update and patch; the request says which."""


class CreateOnly:
    """A subresource that is only ever posted to."""

    async def get(self, call: Call) -> JSON:
        raise not_allowed()

    async def change(self, call: Call) -> WriteOutcome:
        raise not_allowed()


def not_allowed() -> ApiError:
    return ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource")


class Whole(SubresourceStrategy):
    """For handlers that make the new object themselves: nothing is held back."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        return
