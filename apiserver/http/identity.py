"""Who asks: authentication by what HTTP carries, then impersonation by those who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from apimachinery.errors import bad_request
from apiserver.handlers.authz import Attributes
from apiserver.handlers.pipeline import Pipeline
from apiserver.http.message import HttpRequest
from apiserver.registry.request import User
from wire.tls import Identity

_AUTHENTICATED: Final = "system:authenticated"
_UNAUTHENTICATED: Final = "system:unauthenticated"
_ANONYMOUS: Final = "system:anonymous"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_AUTHENTICATION_GROUP: Final = "authentication.k8s.io"
_EXTRA: Final = "impersonate-extra-"
BEARER_SUBPROTOCOL: Final = "base64url.bearer.authorization.k8s.io."


class Authenticator(Protocol):
    async def authenticate(self, certificate: Identity | None, headers: Mapping[str, str]) -> User:
        """Anonymous if there are no credentials. Raises ApiError 401 for wrong ones. Header names are lower-case."""


async def identify(request: HttpRequest, authenticator: Authenticator, pipeline: Pipeline) -> User:
    """Raises ApiError 401, or 403 for an impersonation that is not allowed."""
    user = await authenticator.authenticate(request.certificate, _with_bearer(request.headers))
    if any(name.startswith("impersonate-") for name in request.headers):
        return await _impersonate(user, request.headers, pipeline)
    return user


def _with_bearer(headers: dict[str, str]) -> dict[str, str]:
    """Browsers cannot set a header on a WebSocket: the token comes as one of its subprotocols."""
    offered = headers.get("sec-websocket-protocol", "")
    if "authorization" in headers or BEARER_SUBPROTOCOL not in offered:
        return headers
    import base64
    import binascii

    text = next(one.strip() for one in offered.split(",") if one.strip().startswith(BEARER_SUBPROTOCOL))
    text = text.removeprefix(BEARER_SUBPROTOCOL)
    try:
        token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise bad_request("invalid base64.bearer.authorization token encoding") from None
    return {**headers, "authorization": f"Bearer {token}"}


async def _impersonate(user: User, headers: Mapping[str, str], pipeline: Pipeline) -> User:
    name = headers.get("impersonate-user", "")
    groups = [one.strip() for one in headers.get("impersonate-group", "").split(",") if one.strip()]
    uid = headers.get("impersonate-uid", "")
    extra = {
        key.removeprefix(_EXTRA): tuple(value.split(", ")) for key, value in headers.items() if key.startswith(_EXTRA)
    }
    if not name:
        raise bad_request("requested impersonation of groups, uid or extra without impersonating a user")
    for attributes in _needed(user, name, groups, uid, extra):
        await pipeline.authorize(attributes)
    return User(name, tuple(_all_groups(name, groups)), uid, extra)


def _needed(
    user: User, name: str, groups: list[str], uid: str, extra: Mapping[str, tuple[str, ...]]
) -> list[Attributes]:
    """One question to the authorizer for each thing that is taken on."""
    account = _service_account(name)
    if account:
        needed = [Attributes(user, "impersonate", "", "v1", "serviceaccounts", namespace=account[0], name=account[1])]
    else:
        needed = [Attributes(user, "impersonate", "", "v1", "users", name=name)]
    needed += [Attributes(user, "impersonate", "", "v1", "groups", name=group) for group in groups]
    group = _AUTHENTICATION_GROUP
    if uid:
        needed.append(Attributes(user, "impersonate", group, "v1", "uids", name=uid))
    for key, values in extra.items():
        needed += [Attributes(user, "impersonate", group, "v1", "userextras", key, name=value) for value in values]
    return needed


def _service_account(name: str) -> tuple[str, str] | None:
    namespace, _, account = name.removeprefix(_SERVICE_ACCOUNT).partition(":")
    return (namespace, account) if name.startswith(_SERVICE_ACCOUNT) and namespace and account else None


def _all_groups(name: str, groups: list[str]) -> list[str]:
    account = _service_account(name)
    if account and not groups:
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}"]
    everyone = _UNAUTHENTICATED if name == _ANONYMOUS else _AUTHENTICATED
    return groups if everyone in groups else [*groups, everyone]
