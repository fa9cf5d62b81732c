"""OpenAPI v3 operations of a group-version: what kubectl reads to find a kind's URL and what it may send there. Pure.

kubectl looks for `x-kubernetes-group-version-kind` on operations, for a `fieldValidation` parameter on `patch`, and in
the patch's media types for strategic merge, which built-in kinds have and custom resources have not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from apimachinery.resources import GVK
from apiserver.registry.request import PatchType
from apiserver.schema.resources import ResourceInfo

JSON = dict[str, Any]
Component = Callable[[GVK], str | None]
"""The name of a kind's component schema, None if it has none."""

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
ALWAYS_REFERRED: Final = tuple(META + name for name in ("DeleteOptions", "Patch", "Status"))

_MEDIA: Final = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_WATCHED: Final = ("application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")

_PARAMETERS: Final = {
    "allowWatchBookmarks": ("boolean", "Ask for BOOKMARK events on a watch."),
    "continue": ("string", "The token of an earlier, incomplete list: give what follows it."),
    "fieldSelector": ("string", "Restrict to objects whose fields match."),
    "labelSelector": ("string", "Restrict to objects whose labels match."),
    "limit": ("integer", "Give at most so many items, and a token for the rest."),
    "resourceVersion": ("string", "The revision that the answer must not be older than, or be at."),
    "resourceVersionMatch": ("string", "How resourceVersion applies to a list: Exact or NotOlderThan."),
    "sendInitialEvents": ("boolean", "Begin a watch with everything that exists."),
    "timeoutSeconds": ("integer", "End the call after so many seconds."),
    "watch": ("boolean", "Give changes as a stream instead of a list."),
    "dryRun": ("string", "All: go through every step but storing."),
    "fieldManager": ("string", "Who makes these changes, at most 128 printable characters."),
    "fieldValidation": ("string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."),
    "force": ("boolean", "On apply: take fields from their managers. Must not be given for other patches."),
    "gracePeriodSeconds": ("integer", "Seconds until the object is removed."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": ("boolean", "Delete an object that cannot be read."),
    "orphanDependents": ("boolean", "Deprecated by propagationPolicy."),
    "propagationPolicy": ("string", "What becomes of dependents: Orphan, Background or Foreground."),
    "pretty": ("string", "If true, the answer is indented."),
}
_LISTING: Final = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
_WRITING: Final = ("dryRun", "fieldManager", "fieldValidation")
_DELETING: Final = (
    "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
    "propagationPolicy",
)  # fmt: skip


class _Verb(NamedTuple):
    method: str
    action: str
    word: str
    parameters: tuple[str, ...]
    codes: tuple[str, ...]


_VERBS: Final = {
    "list": _Verb("get", "list", "list", _LISTING, ("200",)),
    "get": _Verb("get", "get", "read", (), ("200",)),
    "create": _Verb("post", "post", "create", _WRITING, ("200", "201", "202")),
    "update": _Verb("put", "put", "replace", _WRITING, ("200", "201")),
    "patch": _Verb("patch", "patch", "patch", (*_WRITING, "force"), ("200", "201")),
    "delete": _Verb("delete", "delete", "delete", _DELETING, ("200", "202")),
    "deletecollection": _Verb("delete", "deletecollection", "deleteCollection", (*_LISTING, *_DELETING), ("200",)),
}
_ON_COLLECTION: Final = ("list", "create", "deletecollection")
_ON_OBJECT: Final = ("get", "update", "patch", "delete")


class PathWriter:
    """Writes the paths of one group-version."""

    def __init__(self, group: str, version: str, component: Component) -> None:
        self._base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        self._tag = f"{group.removesuffix('.k8s.io').replace('.', '_') or 'core'}_{version}"
        self._ident = "".join(part.capitalize() for part in (*self._tag.split("_")[:-1], version))
        self._component = component

    def paths(self, info: ResourceInfo, *, builtin: bool) -> JSON:
        """All paths of one resource with its subresources."""
        scope = "/namespaces/{namespace}" if info.namespaced else ""
        collection = f"{self._base}{scope}/{info.gvr.resource}"
        found = {collection: self._collection(info)}
        if info.namespaced and "list" in info.verbs:
            everywhere = self._operation("list", info.gvk, f"{info.kind}ForAllNamespaces", builtin=builtin)
            found[f"{self._base}/{info.gvr.resource}"] = {"get": everywhere, "parameters": [_pretty()]}
        if set(info.verbs) & set(_ON_OBJECT):
            found[f"{collection}/{{name}}"] = self._object(info, builtin=builtin)
        for sub in info.subresources.values():
            operations = {
                _VERBS[verb].method: self._operation(
                    verb, sub.kind, self._noun(info) + sub.name.capitalize(), builtin=builtin
                )
                for verb in sub.verbs
                if verb in _VERBS
            }
            found[f"{collection}/{{name}}/{sub.name}"] = operations | {
                "parameters": self._path_parameters(info, "name")
            }
        return {path: item for path, item in found.items() if len(item) > 1}

    def _noun(self, info: ResourceInfo) -> str:
        return f"Namespaced{info.kind}" if info.namespaced else info.kind

    def _collection(self, info: ResourceInfo) -> JSON:
        operations: JSON = {}
        for verb in _ON_COLLECTION:
            if verb in info.verbs:
                operations[_VERBS[verb].method] = self._operation(verb, info.gvk, self._noun(info), builtin=True)
        return operations | {"parameters": self._path_parameters(info)}

    def _object(self, info: ResourceInfo, *, builtin: bool) -> JSON:
        operations: JSON = {}
        for verb in _ON_OBJECT:
            if verb in info.verbs:
                operations[_VERBS[verb].method] = self._operation(verb, info.gvk, self._noun(info), builtin=builtin)
        return operations | {"parameters": self._path_parameters(info, "name")}

    def _path_parameters(self, info: ResourceInfo, *more: str) -> list[JSON]:
        names = [*more, *(["namespace"] if info.namespaced else [])]
        return [*(_path_parameter(name, info.kind) for name in names), _pretty()]

    def _operation(self, verb: str, gvk: GVK, noun: str, *, builtin: bool) -> JSON:
        form = _VERBS[verb]
        operation: JSON = {
            "tags": [self._tag],
            "description": f"{form.word} {gvk.kind}",
            "operationId": f"{form.word}{self._ident}{noun}",
            "parameters": [_query_parameter(name) for name in form.parameters],
            "responses": self._responses(verb, gvk),
            "x-kubernetes-action": form.action,
            "x-kubernetes-group-version-kind": {"group": gvk.group, "version": gvk.version, "kind": gvk.kind},
        }
        body = self._body(verb, gvk, builtin=builtin)
        return operation | ({"requestBody": body} if body else {})

    def _body(self, verb: str, gvk: GVK, *, builtin: bool) -> JSON | None:
        if verb == "patch":
            types = [one.value for one in PatchType if builtin or one is not PatchType.STRATEGIC]
            return {"content": {media: _schema(f"{META}Patch") for media in types}, "required": True}
        if verb in ("create", "update"):
            return {"content": {"*/*": self._schema_of(gvk)}, "required": True}
        if verb in ("delete", "deletecollection"):
            return {"content": {"*/*": _schema(f"{META}DeleteOptions")}}
        return None

    def _responses(self, verb: str, gvk: GVK) -> JSON:
        if verb in ("delete", "deletecollection"):
            schema = _schema(f"{META}Status")
        else:
            schema = self._schema_of(gvk._replace(kind=f"{gvk.kind}List") if verb == "list" else gvk)
        media = (*_MEDIA, *_WATCHED) if verb == "list" else _MEDIA
        words = {"200": "OK", "201": "Created", "202": "Accepted"}
        responses: JSON = {
            code: {"description": words[code], "content": dict.fromkeys(media, schema)} for code in _VERBS[verb].codes
        }
        return responses | {"401": {"description": "Unauthorized"}}

    def _schema_of(self, gvk: GVK) -> JSON:
        name = self._component(gvk)
        return _schema(name) if name else {"schema": {"type": "object"}}


def _schema(name: str) -> JSON:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _query_parameter(name: str) -> JSON:
    kind, description = _PARAMETERS[name]
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": True}}


def _pretty() -> JSON:
    return _query_parameter("pretty")


def _path_parameter(name: str, kind: str) -> JSON:
    of = f"name of the {kind}" if name == "name" else "object name and auth scope, such as for teams and projects"
    schema = {"type": "string", "uniqueItems": True}
    return {"name": name, "in": "path", "description": of, "required": True, "schema": schema}
