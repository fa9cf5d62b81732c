"""ServiceAccount tokens: JSON Web Tokens signed with `sa.key`, checked with `sa.pub` and against the cache.

Claims and lifetimes follow KEP-1205 (bound tokens); expiry is by the cluster's clock.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from apimachinery.clock import Clock
from apimachinery.errors import unauthorized
from apimachinery.resources import GVR
from apiserver.limits import TOKEN_CACHE
from apiserver.registry.request import JSON, User
from apiserver.registry.strategy import Objects

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_PRIVATE: Final = "kubernetes.io"
_LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
_ACCOUNTS: Final = GVR("", "v1", "serviceaccounts")
_BOUND: Final = {"pod": GVR("", "v1", "pods"), "secret": GVR("", "v1", "secrets"), "node": GVR("", "v1", "nodes")}
_LEEWAY_SECONDS: Final = 5.0
"""Clocks of several apiservers may differ by a little."""


class ServiceAccountTokens:
    """Signs, verifies, and publishes its public key. PEM files are read when first needed."""

    def __init__(self, pki: Path, clock: Clock, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self._pki = pki
        self._clock = clock
        self._claims_of = lru_cache(TOKEN_CACHE)(self._verify)
        self._key_pair: tuple[Any, Any, str] | None = None

    @property
    def audiences(self) -> tuple[str, ...]:
        return (self.issuer,)

    def issue(self, subject: str, audiences: list[str], now: float, seconds: int, private: JSON) -> str:
        import jwt

        key, _, key_id = self._keys()
        claims = {
            "aud": audiences,
            "exp": int(now) + seconds,
            "iat": int(now),
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            _PRIVATE: private,
            "nbf": int(now),
            "sub": subject,
        }
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id})

    async def check(self, token: str, audiences: tuple[str, ...], objects: Objects) -> tuple[User, tuple[str, ...]]:
        """The account and those of `audiences` (default: ours) that the token is for. Raises ApiError 401."""
        claims = self._claims_of(token)
        now = self._clock.time()
        if claims.get("exp") is not None and now > claims["exp"] + _LEEWAY_SECONDS:
            raise unauthorized("service account token has expired")
        if now < claims.get("nbf", 0) - _LEEWAY_SECONDS:
            raise unauthorized("service account token is not valid yet")
        fitting = self._fitting(claims, audiences)
        return await self._account(claims, objects), fitting

    def _fitting(self, claims: JSON, wanted: tuple[str, ...]) -> tuple[str, ...]:
        if claims.get("iss") == _LEGACY_ISSUER:
            return wanted or self.audiences
        given = claims.get("aud") or []
        given = [given] if isinstance(given, str) else given
        fitting = tuple(one for one in wanted or self.audiences if one in given)
        if not fitting:
            raise unauthorized(f"token audiences {given} is invalid for the target audiences {list(wanted)}")
        return fitting

    async def _account(self, claims: JSON, objects: Objects) -> User:
        private = claims.get(_PRIVATE)
        if private is None:
            namespace = claims.get("kubernetes.io/serviceaccount/namespace", "")
            private = {
                "namespace": namespace,
                "serviceaccount": {
                    "name": claims.get("kubernetes.io/serviceaccount/service-account.name", ""),
                    "uid": claims.get("kubernetes.io/serviceaccount/service-account.uid", ""),
                },
                "secret": {"name": claims.get("kubernetes.io/serviceaccount/secret.name", "")},
            }
        namespace, account = private.get("namespace", ""), private.get("serviceaccount") or {}
        await _exists(objects, _ACCOUNTS, namespace, account, "service account")
        extra: dict[str, tuple[str, ...]] = {}
        for kind, gvr in _BOUND.items():
            bound = private.get(kind)
            if bound:
                # A token outlives its node's object: only pods and secrets take it with them.
                if kind != "node":
                    await _exists(objects, gvr, namespace, bound, kind)
                if kind != "secret":
                    extra[f"authentication.kubernetes.io/{kind}-name"] = (bound["name"],)
                    extra[f"authentication.kubernetes.io/{kind}-uid"] = (bound["uid"],)
        if claims.get("jti"):
            extra["authentication.kubernetes.io/credential-id"] = (f"JTI={claims['jti']}",)
        name = f"system:serviceaccount:{namespace}:{account['name']}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(name, groups, account.get("uid", ""), extra)

    def _verify(self, token: str) -> JSON:
        """The claims of a token with a good signature and issuer. Raises ApiError 401."""
        import jwt

        _, public, _ = self._keys()
        unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
        try:
            claims: JSON = jwt.decode(token, public, algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
        except jwt.PyJWTError as error:
            raise unauthorized(f"invalid bearer token: {error}") from None
        if claims.get("iss") not in (self.issuer, _LEGACY_ISSUER):
            raise unauthorized("invalid bearer token: unknown issuer")
        return claims

    def jwks(self) -> JSON:
        """The public key as OpenID Connect clients read it (`/openid/v1/jwks`)."""
        import jwt

        _, public, key_id = self._keys()
        key: JSON = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        return {"keys": [{"use": "sig", "kty": "RSA", "kid": key_id, "alg": "RS256", "n": key["n"], "e": key["e"]}]}

    def openid_configuration(self, jwks_uri: str) -> JSON:
        """`/.well-known/openid-configuration`."""
        return {
            "issuer": self.issuer,
            "jwks_uri": jwks_uri,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _keys(self) -> tuple[Any, Any, str]:
        if self._key_pair is None:
            from cryptography.hazmat.primitives import serialization

            key = serialization.load_pem_private_key((self._pki / "sa.key").read_bytes(), None)
            public = serialization.load_pem_public_key((self._pki / "sa.pub").read_bytes())
            der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            key_id = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
            self._key_pair = key, public, key_id
        return self._key_pair


async def _exists(objects: Objects, gvr: GVR, namespace: str, reference: JSON, what: str) -> None:
    """An object that a token lives by must be there, and be the same one. The cache may not know a new one yet."""
    name, uid = reference.get("name", ""), reference.get("uid", "")
    found = objects.get(gvr, namespace, name) or await objects.fetch(gvr, namespace, name)
    if found is None:
        raise unauthorized(f"{what} {namespace}/{name} has been deleted")
    if uid and found["metadata"]["uid"] != uid:
        raise unauthorized(f"{what} UID ({found['metadata']['uid']}) does not match claim ({uid})")
