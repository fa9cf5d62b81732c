"""serviceaccounts/token: TokenRequest, which issues a signed token bound to the account and maybe to a pod."""

from __future__ import annotations

from typing import Any, Final, Protocol

from apimachinery.errors import FieldError, bad_request, conflict, invalid, not_found
from apimachinery.resources import GVR
from apimachinery.timestamps import format_time
from apiserver.limits import TOKEN_SECONDS_DEFAULT, TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN
from apiserver.registry.request import JSON, WriteOutcome
from apiserver.registry.subresources.call import Call, CreateOnly

_BINDABLE: Final[dict[str, tuple[str, GVR, bool]]] = {
    "Pod": ("pod", GVR("", "v1", "pods"), True),
    "Secret": ("secret", GVR("", "v1", "secrets"), True),
    "Node": ("node", GVR("", "v1", "nodes"), False),
}
"""By kind: the claim that says so, the resource, whether it is of the account's namespace."""


class TokenIssuer(Protocol):
    """Signs claims. `audiences` are those of the apiserver itself."""

    @property
    def audiences(self) -> tuple[str, ...]: ...

    def issue(self, subject: str, audiences: list[str], now: float, seconds: int, private: JSON) -> str: ...


class Token(CreateOnly):
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def create(self, call: Call) -> WriteOutcome:
        account = (await call.object()).tree["metadata"]
        spec = call.body.get("spec") or {}
        seconds = _seconds(spec.get("expirationSeconds"))
        audiences = spec.get("audiences") or list(self._issuer.audiences)
        private: JSON = {
            "namespace": account["namespace"],
            "serviceaccount": {"name": account["name"], "uid": account["uid"]},
        }
        bound = spec.get("boundObjectRef")
        if bound:
            private |= await _bound(call, bound, account["name"])
        subject = f"system:serviceaccount:{account['namespace']}:{account['name']}"
        now = call.ctx.now
        token = self._issuer.issue(subject, audiences, now, seconds, private)
        status = {"token": token, "expirationTimestamp": format_time(now + seconds)}
        answer = {
            **call.body,
            "metadata": {
                "name": account["name"],
                "namespace": account["namespace"],
                "creationTimestamp": format_time(now),
            },
            "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
            "status": status,
        }
        return WriteOutcome(answer, 201)


def _seconds(asked: Any) -> int:
    if asked is None:
        return TOKEN_SECONDS_DEFAULT
    problem = ""
    if asked < TOKEN_SECONDS_MIN:
        problem = "may not specify a duration less than 10 minutes"
    elif asked > TOKEN_SECONDS_MAX:
        problem = "may not specify a duration larger than 2^32 seconds"
    if problem:
        error = FieldError("invalid", "spec.expirationSeconds", problem, asked)
        raise invalid("authentication.k8s.io", "TokenRequest", "", [error])
    return int(asked)


async def _bound(call: Call, reference: JSON, account: str) -> JSON:
    """The claims of the object that the token lives and dies with. Raises ApiError if it is not there."""
    kind, name = reference.get("kind", ""), reference.get("name", "")
    if kind not in _BINDABLE:
        raise bad_request(f"cannot bind token for serviceaccount {account} to object of type {kind}")
    claim, gvr, namespaced = _BINDABLE[kind]
    found = await call.ctx.objects.fetch(gvr, call.request.namespace if namespaced else "", name)
    if found is None:
        raise not_found("", gvr.resource, name)
    uid = found["metadata"]["uid"]
    if reference.get("uid") and reference["uid"] != uid:
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record ({uid})"
        raise conflict("", gvr.resource, name, why)
    claims = {claim: {"name": name, "uid": uid}}
    if kind == "Pod":
        owner = found["spec"].get("serviceAccountName", "")
        if owner != account:
            raise bad_request(
                f"cannot bind token for serviceaccount {account} to pod running with different serviceaccount name."
            )
        node = call.ctx.objects.get(GVR("", "v1", "nodes"), "", found["spec"].get("nodeName", ""))
        if node is not None:
            claims["node"] = {"name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}
    return claims
