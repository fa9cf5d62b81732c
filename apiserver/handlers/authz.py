"""Authorization: who wants to do what, whether they may, and the words of a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from apimachinery.errors import ApiError, forbidden
from apiserver.registry.request import Request, User
from wire.trace import note

MASTERS: Final = "system:masters"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked, about a resource or (with `path`) about a URL that is none."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def is_resource(self) -> bool:
        return not self.path


class Decision(NamedTuple):
    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    async def authorize(self, attrs: Attributes) -> Decision: ...


class Union:
    """Asks one after the other; the first who allows it decides (masters need not ask), and the trace says who did."""

    def __init__(self, *authorizers: Authorizer) -> None:
        self._authorizers = authorizers

    async def authorize(self, attrs: Attributes) -> Decision:
        if MASTERS in attrs.user.groups:
            note(authorized=MASTERS)
            return Decision(True)
        reasons = []
        for authorizer in self._authorizers:
            decision = await authorizer.authorize(attrs)
            if decision.allowed:
                note(authorized=decision.reason or type(authorizer).__name__)
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(False, ", ".join(reasons))


def attributes_of(request: Request) -> Attributes:
    gvr = request.gvr
    return Attributes(
        request.user, request.verb, gvr.group, gvr.version, gvr.resource, request.subresource, request.namespace,
        request.name,
    )  # fmt: skip


def refusal(attrs: Attributes, reason: str = "") -> ApiError:
    """403 in the words that clients show."""
    why = f'User "{attrs.user.name}" cannot {attrs.verb} '
    tail = f": {reason}" if reason else ""
    if attrs.path:
        return ApiError("Forbidden", f'forbidden: {why}path "{attrs.path}"{tail}')
    resource = f"{attrs.resource}/{attrs.subresource}" if attrs.subresource else attrs.resource
    scope = f'in the namespace "{attrs.namespace}"' if attrs.namespace else "at the cluster scope"
    why += f'resource "{resource}" in API group "{attrs.group}" {scope}{tail}'
    return forbidden(attrs.group, attrs.resource, attrs.name, why)
