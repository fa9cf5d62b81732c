"""Authentication: a client certificate, a ServiceAccount's bearer token, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apimachinery.errors import unauthorized
from apiserver.handlers.tokens import ServiceAccountTokens
from apiserver.registry.request import User
from apiserver.registry.strategy import Objects
from wire.tls import Identity

AUTHENTICATED: Final = "system:authenticated"
ANONYMOUS: Final = User("system:anonymous", ("system:unauthenticated",))


class Authenticator:
    """Both front doors use it; the gRPC one has only certificates."""

    def __init__(self, tokens: ServiceAccountTokens, objects: Objects) -> None:
        self._tokens = tokens
        self._objects = objects

    async def authenticate(self, certificate: Identity | None, headers: Mapping[str, str]) -> User:
        """Anonymous if there are no credentials. Raises ApiError 401 for wrong ones. Header names are lower-case."""
        if certificate is not None and certificate.user:
            return of_certificate(certificate)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            user, _ = await self._tokens.check(token.strip(), (), self._objects)
            return user
        if scheme:
            raise unauthorized()
        return ANONYMOUS

    async def check_token(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]]:
        """For TokenReview. Raises ApiError 401."""
        return await self._tokens.check(token, audiences, self._objects)


def of_certificate(identity: Identity) -> User:
    return User(identity.user, (*identity.groups, AUTHENTICATED))
