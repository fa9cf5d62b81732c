"""Resources that answer instead of storing: access reviews, token reviews, componentstatuses."""

from __future__ import annotations

from typing import Protocol

from apiserver.registry.request import JSON, Request
from apiserver.registry.subresources.call import not_allowed


class VirtualResource(Protocol):
    async def get(self, request: Request) -> JSON: ...

    async def list(self, request: Request) -> list[JSON]: ...

    async def create(self, request: Request) -> JSON:
        """The object posted (`request.body`), with its answer. Nothing is stored."""


class AnswerOnly:
    """A resource that can only be posted to."""

    async def get(self, request: Request) -> JSON:
        raise not_allowed()

    async def list(self, request: Request) -> list[JSON]:
        raise not_allowed()
