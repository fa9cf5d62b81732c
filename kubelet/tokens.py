"""Service account tokens bound to pods: asked for when first needed, renewed before they run out."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from api.core import ServiceAccount
from api.pod import Pod
from api.volume import ServiceAccountTokenProjection
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apimachinery.timestamps import parse_time
from client.api import ApiClient
from kubelet.limits import TOKEN_REFRESH_FRACTION


class _Token(NamedTuple):
    text: str
    renew_at: float
    expires_at: float


class TokenSource:
    """Tokens by pod, audience and lifetime."""

    def __init__(self, api: ApiClient, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._tokens: dict[tuple[str, str, int], _Token] = {}

    async def get(self, pod: Pod, projection: ServiceAccountTokenProjection) -> str:
        """Raises ApiError if there is none that still holds and the API gives none."""
        key = (pod.uid, projection.audience, projection.expiration_seconds)
        known = self._tokens.get(key)
        now = self._clock.time()
        if known is not None and now < known.renew_at:
            return known.text
        try:
            fresh = await self._request(pod, projection)
        except ApiError:
            if known is None or now >= known.expires_at:
                raise
            return known.text
        self._tokens[key] = fresh
        return fresh.text

    def forget(self, uid: str) -> None:
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _request(self, pod: Pod, projection: ServiceAccountTokenProjection) -> _Token:
        spec: dict[str, Any] = {
            "audiences": [projection.audience] if projection.audience else [],
            "expirationSeconds": projection.expiration_seconds,
            "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod.name, "uid": pod.uid},
        }
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        account = pod.spec.service_account_name or "default"
        answer = await self._api.create_raw(
            ServiceAccount.RESOURCE, body, namespace=pod.namespace, name=account, subresource="token"
        )
        status = msgspec.json.decode(answer.raw)["status"]
        now, expires = self._clock.time(), parse_time(status["expirationTimestamp"])
        return _Token(status["token"], now + (expires - now) * TOKEN_REFRESH_FRACTION, expires)
