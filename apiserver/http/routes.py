"""URLs: what a method and a path ask for. Pure.

The rules are those of upstream's RequestInfo: `/api/VERSION/...` and `/apis/GROUP/VERSION/...` name resources, with
`namespaces/NS/` before the namespaced ones and, long deprecated, `watch/` before any; everything else is a path.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_METHOD_VERBS: Final = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_ON_COLLECTIONS: Final = {"get": "list", "delete": "deletecollection"}
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})


class Route(NamedTuple):
    """What a URL names. `resource` is empty for paths that are no resource."""

    verb: str
    """The RBAC verb; the lower-case method where the path is no resource."""
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows `proxy/`, with its leading slash."""
    legacy_watch: bool = False

    @property
    def is_resource(self) -> bool:
        return bool(self.resource)


def parse(method: str, path: str, *, watch: bool = False) -> Route:
    """`watch` is whether the query asks for a watch."""
    parts = [part for part in path.split("/") if part]
    found = _group_version(parts)
    if found is None:
        return Route(method.lower(), path)
    group, version, rest = found
    legacy = rest[0] == "watch" and len(rest) > 1
    if legacy:
        rest = rest[1:]
    namespace, rest = _namespace(rest)
    resource, name, subresource, *deeper = [*rest, "", "", ""][: max(3, len(rest))]
    return Route(
        verb=_verb(method, name, watch=watch, legacy=legacy),
        path=path,
        group=group,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
        rest="/" + "/".join(deeper) if subresource == "proxy" else "",
        legacy_watch=legacy,
    )


def _group_version(parts: list[str]) -> tuple[str, str, list[str]] | None:
    """Group, version and what follows, if anything does."""
    if len(parts) > 2 and parts[0] == "api":
        return "", parts[1], parts[2:]
    if len(parts) > 3 and parts[0] == "apis":
        return parts[1], parts[2], parts[3:]
    return None


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """A namespace is its own scope: `namespaces/x` is the object x, read within the namespace x."""
    if rest[0] != "namespaces" or len(rest) == 1:
        return "", rest
    if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
        return rest[1], rest[2:]
    return rest[1], rest


def _verb(method: str, name: str, *, watch: bool, legacy: bool) -> str:
    verb = _METHOD_VERBS.get(method, method.lower())
    if verb == "get" and (legacy or (watch and not name)):
        return "watch"
    return verb if name else _ON_COLLECTIONS.get(verb, verb)
