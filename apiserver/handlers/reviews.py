"""The reviews: may I, may they, who is this, who am I."""

from __future__ import annotations

from typing import Protocol

from apimachinery.errors import ApiError, FieldError, bad_request, invalid
from apiserver.handlers.authz import Attributes, Authorizer
from apiserver.handlers.rbac.authorizer import RbacAuthorizer
from apiserver.handlers.rbac.rules import Rule
from apiserver.handlers.virtual import AnswerOnly
from apiserver.registry.request import JSON, Request, User

GROUP = "authorization.k8s.io"


class TokenChecker(Protocol):
    """What TokenReview needs of authentication."""

    async def check_token(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]]:
        """The user and the audiences that fit. Raises ApiError 401."""


class SubjectAccessReview(AnswerOnly):
    """Also LocalSubjectAccessReview (the namespace is the URL's) and SelfSubjectAccessReview (the user is who asks)."""

    def __init__(self, authorizer: Authorizer, *, of_self: bool = False, local: bool = False) -> None:
        self._authorizer = authorizer
        self._of_self = of_self
        self._local = local

    async def create(self, request: Request) -> JSON:
        review: JSON = request.body
        spec = review.get("spec") or {}
        self._check(review["kind"], spec, request)
        user = request.user if self._of_self else _user_of(spec)
        decision = await self._authorizer.authorize(attributes_in(spec, user))
        review["status"] = {"allowed": decision.allowed}
        if decision.reason:
            review["status"]["reason"] = decision.reason
        return review

    def _check(self, kind: str, spec: JSON, request: Request) -> None:
        resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(resource is not None) == bool(other is not None):
            detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(GROUP, kind, "", [FieldError("invalid", "spec.resourceAttributes", detail, None)])
        if not self._of_self and not spec.get("user") and not spec.get("groups"):
            detail = "at least one of user or group must be specified"
            raise invalid(GROUP, kind, "", [FieldError("invalid", "spec.user", detail, "")])
        if self._local and resource is not None and resource.get("namespace") != request.namespace:
            raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {request.namespace}")


def _user_of(spec: JSON) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)


def attributes_in(spec: JSON, user: User) -> Attributes:
    """What a review asks about."""
    other = spec.get("nonResourceAttributes")
    if other is not None:
        return Attributes(user, other.get("verb", ""), path=other.get("path") or "/")
    asked = spec["resourceAttributes"]
    names = ("group", "version", "resource", "subresource", "namespace", "name")
    return Attributes(user, asked.get("verb", ""), **{name: asked.get(name, "") for name in names})


class SelfSubjectRulesReview(AnswerOnly):
    def __init__(self, rbac: RbacAuthorizer) -> None:
        self._rbac = rbac

    async def create(self, request: Request) -> JSON:
        review: JSON = request.body
        namespace = (review.get("spec") or {}).get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        rules = self._rbac.rules(request.user, namespace)
        review["status"] = {
            "resourceRules": [_resource_rule(rule) for rule in rules if rule.resources],
            "nonResourceRules": [
                {"verbs": sorted(rule.verbs), "nonResourceURLs": sorted(rule.urls)} for rule in rules if rule.urls
            ],
            "incomplete": False,
        }
        return review


def _resource_rule(rule: Rule) -> JSON:
    shown: JSON = {
        "verbs": sorted(rule.verbs),
        "apiGroups": sorted(rule.groups),
        "resources": sorted(rule.resources),
    }
    if rule.names:
        shown["resourceNames"] = sorted(rule.names)
    return shown


class SelfSubjectReview(AnswerOnly):
    async def create(self, request: Request) -> JSON:
        return {
            "kind": "SelfSubjectReview",
            "apiVersion": request.gvr.api_version,
            "metadata": {"creationTimestamp": None},
            "status": {"userInfo": user_info(request.user)},
        }


class TokenReview(AnswerOnly):
    def __init__(self, checker: TokenChecker) -> None:
        self._checker = checker

    async def create(self, request: Request) -> JSON:
        review: JSON = request.body
        spec = review.get("spec") or {}
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        try:
            user, audiences = await self._checker.check_token(spec["token"], tuple(spec.get("audiences") or ()))
        except ApiError as error:
            review["status"] = {"user": {}, "error": error.message}
        else:
            review["status"] = {"authenticated": True, "user": user_info(user), "audiences": list(audiences)}
        return review


def user_info(user: User) -> JSON:
    info: JSON = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra.items()}
    return info
