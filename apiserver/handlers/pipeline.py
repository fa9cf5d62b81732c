"""The one path of every request: authorize, mutate, validate, store. Both front doors call it.

This is the contract that the front doors code against.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from apiserver.handlers.authz import Attributes
from apiserver.registry.request import ListResult, Request, StoredObject, WatchEvent, WriteOutcome


class Pipeline(Protocol):
    """Every method raises ApiError, and only that."""

    async def get(self, request: Request) -> StoredObject:
        """One object, or what a subresource with a `get` answers (scale)."""

    async def list(self, request: Request) -> ListResult: ...

    def watch(self, request: Request) -> AsyncIterator[list[WatchEvent]]:
        """Batches of events, never empty, until the client goes or the timeout ends it. ApiErrors that concern the
        request come before the first batch; those of the stream are its last event."""

    async def create(self, request: Request) -> WriteOutcome: ...

    async def update(self, request: Request) -> WriteOutcome: ...

    async def patch(self, request: Request) -> WriteOutcome: ...

    async def delete(self, request: Request) -> WriteOutcome: ...

    async def delete_collection(self, request: Request) -> ListResult:
        """The objects whose deletion began."""

    async def connect(self, request: Request) -> StoredObject:
        """Authorization and admission for exec, attach, log, portforward and proxy; gives the object connected to."""

    async def authorize(self, attrs: Attributes) -> None:
        """For URLs that are no resource (`/healthz`, `/metrics`), and for whoever asks by themselves. Raises 403."""
