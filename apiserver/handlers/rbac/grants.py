"""Who holds which rules: bindings and roles turned around into an index by subject. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from apiserver.handlers.authz import Attributes
from apiserver.handlers.rbac.aggregate import aggregate
from apiserver.handlers.rbac.rules import Rule, compile_rule
from apiserver.registry.request import User

JSON = dict[str, Any]
SUPERUSERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one binding gives to one subject. Without a namespace it holds everywhere."""

    namespace: str
    rules: tuple[Rule, ...]
    why: str

    def reaches(self, namespace: str) -> bool:
        return not self.namespace or self.namespace == namespace


class Grants:
    """All grants of a cluster as its RBAC objects stand."""

    def __init__(
        self,
        cluster_roles: Iterable[JSON],
        roles: Iterable[JSON],
        cluster_bindings: Iterable[JSON],
        bindings: Iterable[JSON],
    ) -> None:
        self.raw = {("ClusterRole", "", name): rules for name, rules in aggregate(cluster_roles).items()}
        for role in roles:
            metadata = role["metadata"]
            self.raw["Role", metadata["namespace"], metadata["name"]] = role.get("rules") or []
        compiled = {key: tuple(map(compile_rule, rules)) for key, rules in self.raw.items()}
        self._users: dict[str, list[Grant]] = {}
        self._groups: dict[str, list[Grant]] = {}
        self._missing: dict[str, list[tuple[str, str]]] = {}
        for binding in (*cluster_bindings, *bindings):
            self._add(binding, compiled)

    def role_rules(self, reference: JSON, namespace: str) -> list[JSON] | None:
        """The rules that a `roleRef` means, None if there is no such role."""
        return self.raw.get(_role_key(reference, namespace))

    def of(self, user: User) -> Iterator[Grant]:
        yield from self._users.get(user.name, ())
        for group in user.groups:
            yield from self._groups.get(group, ())

    def allowing(self, attrs: Attributes) -> Grant | None:
        """A grant that answers the question with yes."""
        for grant in self.of(attrs.user):
            if grant.reaches(attrs.namespace) and any(rule.allows(attrs) for rule in grant.rules):
                return grant
        return None

    def rules(self, user: User, namespace: str = "") -> list[Rule]:
        """All that the user may do in a namespace, or in the whole cluster."""
        return [rule for grant in self.of(user) if grant.reaches(namespace) for rule in grant.rules]

    def missing(self, attrs: Attributes) -> str:
        """The roles that bindings of the user name and that do not exist, as upstream words it."""
        subjects = (f"u:{attrs.user.name}", *(f"g:{group}" for group in attrs.user.groups))
        found = {
            text
            for subject in subjects
            for namespace, text in self._missing.get(subject, ())
            if namespace in ("", attrs.namespace)
        }
        if not found:
            return ""
        return "RBAC: " + (next(iter(found)) if len(found) == 1 else "[" + ", ".join(sorted(found)) + "]")

    def _add(self, binding: JSON, compiled: dict[tuple[str, str, str], tuple[Rule, ...]]) -> None:
        namespace = binding["metadata"].get("namespace") or ""
        reference = binding.get("roleRef") or {}
        rules = compiled.get(_role_key(reference, namespace))
        for subject in binding.get("subjects") or ():
            kind, name = _subject(subject, namespace)
            if rules is None:
                text = (
                    f'{reference.get("kind", "").lower()}.rbac.authorization.k8s.io "{reference.get("name")}" not found'
                )
                self._missing.setdefault(f"{kind}:{name}", []).append((namespace, text))
            else:
                holders = self._users if kind == "u" else self._groups
                holders.setdefault(name, []).append(Grant(namespace, rules, _why(binding, reference, subject)))


def _role_key(reference: JSON, namespace: str) -> tuple[str, str, str]:
    kind = reference.get("kind") or ""
    return kind, namespace if kind == "Role" else "", reference.get("name") or ""


def _subject(subject: JSON, namespace: str) -> tuple[str, str]:
    """(`u` or `g`, name): a service account is a user."""
    name = subject.get("name") or ""
    if subject.get("kind") == "ServiceAccount":
        return "u", f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return ("g" if subject.get("kind") == "Group" else "u"), name


def _why(binding: JSON, reference: JSON, subject: JSON) -> str:
    metadata = binding["metadata"]
    kind = "RoleBinding" if metadata.get("namespace") else "ClusterRoleBinding"
    name = f"{metadata['name']}/{metadata['namespace']}" if metadata.get("namespace") else metadata["name"]
    whom = subject.get("name")
    if subject.get("kind") == "ServiceAccount":
        whom = f"{whom}/{subject.get('namespace')}"
    role = f'{reference.get("kind")} "{reference.get("name")}"'
    return f'RBAC: allowed by {kind} "{name}" of {role} to {subject.get("kind")} "{whom}"'
