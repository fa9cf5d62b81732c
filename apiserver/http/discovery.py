"""Discovery: which groups, versions and resources there are, in the old form and in the aggregated ones.

Aggregated documents are asked for by media type, whose parameters must come back exactly: kubectl 1.27 to 1.29 know
`v=v2beta1` only and find no kinds in a `v2` answer.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson

from apimachinery.resources import GVK
from apiserver.http.message import HttpRequest, Response
from apiserver.http.negotiate import JSON_TYPE, MediaType, parse_accept
from apiserver.http.views import to_yaml
from apiserver.registry.resource import Resources, Served
from apiserver.schema.resources import GROUP_ORDER, ResourceInfo, SubresourceInfo, version_rank

JSON = dict[str, Any]

_GROUP: Final = "apidiscovery.k8s.io"
_LIST: Final = "APIGroupDiscoveryList"
_VERSIONS: Final = ("v2", "v2beta1")


class Discovery:
    """Documents of the resources served now, made when first asked for and again when the table has changed."""

    def __init__(self, resources: Resources, server_address: str) -> None:
        self._resources = resources
        self._server_address = server_address
        self._served: list[Served] = []
        self._groups: dict[str, dict[str, list[ResourceInfo]]] = {}
        self._aggregated: dict[tuple[str, str], tuple[bytes, str]] = {}

    def answer(self, request: HttpRequest, parts: list[str]) -> Response | None:
        """`parts` is the path: `api`, `apis`, `api/v1`, `apis/G`, `apis/G/V`. None if there is no such thing."""
        self._refresh()
        match parts:
            case ["api" | "apis" as root]:
                return self._root(request, root)
            case ["api", version]:
                return self._version(request, "", version)
            case ["apis", group]:
                return self._group(request, group)
            case ["apis", group, version]:
                return self._version(request, group, version)
        return None

    def group_versions(self) -> list[str]:
        """`v1`, `apps/v1`, ..."""
        self._refresh()
        return [
            f"{group}/{version}" if group else version
            for group, versions in self._groups.items()
            for version in versions
        ]

    def resources_of(self, group: str, version: str) -> list[ResourceInfo]:
        self._refresh()
        return self._groups.get(group, {}).get(version, [])

    def _refresh(self) -> None:
        served = self._resources.everything()
        if served == self._served:
            return
        self._served = served
        self._aggregated.clear()
        self._groups = _grouped([one.info for one in served])

    # --- legacy

    def _root(self, request: HttpRequest, root: str) -> Response:
        aggregated = _aggregated_version(request)
        if aggregated:
            return self._aggregate(request, root, aggregated)
        if root == "api":
            address = {"clientCIDR": "0.0.0.0/0", "serverAddress": self._server_address}
            versions = list(self._groups.get("", {}))
            return _respond(
                request, {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": [address]}
            )
        groups = [_api_group(name, list(versions)) for name, versions in self._groups.items() if name]
        return _respond(request, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})

    def _group(self, request: HttpRequest, group: str) -> Response | None:
        versions = self._groups.get(group)
        if not versions:
            return None
        return _respond(request, {"kind": "APIGroup", "apiVersion": "v1", **_api_group(group, list(versions))})

    def _version(self, request: HttpRequest, group: str, version: str) -> Response | None:
        infos = self.resources_of(group, version)
        if not infos:
            return None
        entries = [entry for info in infos for entry in _legacy_entries(info)]
        entries.sort(key=lambda entry: str(entry["name"]))
        body: JSON = {"kind": "APIResourceList", "groupVersion": f"{group}/{version}" if group else version}
        if group:
            body = {"kind": body["kind"], "apiVersion": "v1", "groupVersion": body["groupVersion"]}
        return _respond(request, {**body, "resources": entries})

    # --- aggregated

    def _aggregate(self, request: HttpRequest, root: str, version: str) -> Response:
        key = (root, version)
        if key not in self._aggregated:
            names = [name for name in self._groups if (not name) == (root == "api")]
            items = [_aggregated_group(name, self._groups[name]) for name in names]
            document = {"kind": _LIST, "apiVersion": f"{_GROUP}/{version}", "metadata": {}, "items": items}
            body = orjson.dumps(document)
            self._aggregated[key] = body, f'"{hashlib.sha512(body).hexdigest().upper()}"'
        body, etag = self._aggregated[key]
        headers = [("ETag", etag), ("Vary", "Accept"), ("Cache-Control", "public")]
        if request.header("if-none-match") == etag:
            return Response(304, b"", "", headers)
        return Response(200, body, f"{JSON_TYPE};g={_GROUP};v={version};as={_LIST}", headers)


def _grouped(infos: list[ResourceInfo]) -> dict[str, dict[str, list[ResourceInfo]]]:
    """By group in upstream's order (unknown ones last, by name), then by version, the preferred one first."""
    order = {group: index for index, group in enumerate(GROUP_ORDER)}
    names = sorted({info.gvr.group for info in infos}, key=lambda name: (order.get(name, len(order)), name))
    groups: dict[str, dict[str, list[ResourceInfo]]] = {}
    for name in names:
        members = [info for info in infos if info.gvr.group == name]
        versions = sorted({info.gvr.version for info in members}, key=version_rank)
        groups[name] = {version: [one for one in members if one.gvr.version == version] for version in versions}
    return groups


def _aggregated_version(request: HttpRequest) -> str:
    """The version of the aggregated form that the client asks for first, "" if it wants the old form."""
    for clause in parse_accept(request.header("accept")):
        if _is_aggregated(clause):
            return clause.params["v"]
        if clause.name == JSON_TYPE and "as" not in clause.params:
            return ""
    return ""


def _is_aggregated(clause: MediaType) -> bool:
    params = clause.params
    return (
        clause.name == JSON_TYPE
        and params.get("as") == _LIST
        and params.get("g") == _GROUP
        and params.get("v") in _VERSIONS
    )


def _respond(request: HttpRequest, body: JSON) -> Response:
    accept = request.header("accept")
    if "yaml" in accept and "json" not in accept:
        return Response(200, to_yaml(body), "application/yaml")
    return Response(200, orjson.dumps(body))


def _api_group(name: str, versions: list[str]) -> JSON:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _legacy_entries(info: ResourceInfo) -> list[JSON]:
    entry: JSON = {
        "name": info.gvr.resource,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    if {"create", "update"} & set(info.verbs) and "watch" in info.verbs:
        entry["storageVersionHash"] = _version_hash(info)
    return [entry, *(_legacy_subresource(info, sub) for sub in info.subresources.values())]


def _legacy_subresource(info: ResourceInfo, sub: SubresourceInfo) -> JSON:
    entry: JSON = {"name": f"{info.gvr.resource}/{sub.name}", "singularName": "", "namespaced": info.namespaced}
    if (sub.kind.group, sub.kind.version) != (info.gvr.group, info.gvr.version):
        entry |= {"group": sub.kind.group, "version": sub.kind.version}
    return {**entry, "kind": sub.kind.kind, "verbs": list(sub.verbs)}


def _version_hash(info: ResourceInfo) -> str:
    import base64

    digest = hashlib.sha256(f"{info.gvr.group}/{info.gvr.version}/{info.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _aggregated_group(name: str, versions: dict[str, list[ResourceInfo]]) -> JSON:
    listed = [
        {
            "version": version,
            "resources": [_aggregated_resource(info) for info in sorted(infos, key=lambda info: info.gvr.resource)],
            "freshness": "Current",
        }
        for version, infos in versions.items()
    ]
    return {"metadata": {"name": name, "creationTimestamp": None}, "versions": listed}


def _aggregated_resource(info: ResourceInfo) -> JSON:
    entry: JSON = {
        "resource": info.gvr.resource,
        "responseKind": _kind(info.gvk),
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    if info.subresources:
        entry["subresources"] = [
            {"subresource": sub.name, "responseKind": _kind(sub.kind), "verbs": list(sub.verbs)}
            for sub in info.subresources.values()
        ]
    return entry


def _kind(gvk: GVK) -> JSON:
    return {"group": gvk.group, "version": gvk.version, "kind": gvk.kind}
