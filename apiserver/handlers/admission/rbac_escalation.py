"""Nobody grants by RBAC what they do not hold themselves, unless they may `escalate` roles or `bind` them."""

from __future__ import annotations

from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, refuse
from apiserver.handlers.authz import Attributes, Authorizer
from apiserver.handlers.rbac.authorizer import GROUP, read_grants
from apiserver.handlers.rbac.grants import SUPERUSERS
from apiserver.handlers.rbac.rules import uncovered
from apiserver.registry.request import JSON

_ROLES: Final = ("clusterroles", "roles")
_BINDINGS: Final = ("clusterrolebindings", "rolebindings")


class RbacEscalation(Plugin):
    name = "RBACEscalation"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate(self, request: AdmissionRequest) -> None:
        resource, obj = request.gvr.resource, request.obj
        if request.gvr.group != GROUP or request.verb not in ("create", "update") or obj is None:
            return
        if SUPERUSERS in request.user.groups or _nothing_new(request):
            return
        if resource in _ROLES and not await self._may(request, "escalate", request.gvr, request.name):
            _check(request, _wanted_by_role(request, obj))
        elif resource in _BINDINGS:
            reference = obj.get("roleRef") or {}
            bound = GVR(GROUP, "v1", "clusterroles" if reference.get("kind") == "ClusterRole" else "roles")
            if not await self._may(request, "bind", bound, reference.get("name") or ""):
                rules = read_grants(request.reader).role_rules(reference, request.namespace)
                if rules is None:
                    kind = str(reference.get("kind", "")).lower()
                    raise refuse(request, f'{kind}.rbac.authorization.k8s.io "{reference.get("name")}" not found')
                _check(request, rules)

    async def _may(self, request: AdmissionRequest, verb: str, gvr: GVR, name: str) -> bool:
        attrs = Attributes(request.user, verb, GROUP, gvr.version, gvr.resource, "", request.namespace, name)
        return (await self._authorizer.authorize(attrs)).allowed


def _nothing_new(request: AdmissionRequest) -> bool:
    """Updates of labels and the like grant nothing."""
    if request.old is None or request.obj is None:
        return False
    fields = ("rules", "aggregationRule", "subjects", "roleRef")
    return all(request.old.get(field) == request.obj.get(field) for field in fields)


def _wanted_by_role(request: AdmissionRequest, role: JSON) -> list[JSON]:
    if role.get("aggregationRule"):
        # What an aggregated role will hold is not known yet, so it counts as everything.
        everything: list[JSON] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        return [*everything, {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    return role.get("rules") or []


def _check(request: AdmissionRequest, wanted: list[JSON]) -> None:
    held = read_grants(request.reader).rules(request.user, request.namespace)
    missing = uncovered(held, wanted)
    if missing:
        user = request.user
        groups = ", ".join(f'"{group}"' for group in user.groups)
        shown = "\n".join(_shown(part) for part in missing)
        why = f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:'
        raise refuse(request, f"{why}\n{shown}")


_LABELS: Final = {
    "apiGroups": "APIGroups",
    "resources": "Resources",
    "resourceNames": "ResourceNames",
    "nonResourceURLs": "NonResourceURLs",
    "verbs": "Verbs",
}


def _shown(part: JSON) -> str:
    fields = [
        f"{label}:[{', '.join(repr(value).replace(chr(39), chr(34)) for value in part[key])}]"
        for key, label in _LABELS.items()
        if part.get(key)
    ]
    return "{" + ", ".join(fields) + "}"
