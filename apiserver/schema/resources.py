"""The table of built-in resources: what discovery lists and what a URL may name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from apimachinery.resources import GVK, GVR, split_api_version

RELEASE: Final = "v1.36"
DATA: Final = Path(__file__).parent / "data" / f"builtin-resources-{RELEASE}.json"

GROUP_ORDER: Final = (
    "",
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "storagemigration.k8s.io",
)
"""The order upstream's discovery lists groups in; clients resolve an ambiguous name to the first."""


class SubresourceInfo(NamedTuple):
    name: str
    kind: GVK
    """What is sent to it and what it answers with; the resource's own kind for `status` and the like."""
    verbs: tuple[str, ...]


class ResourceInfo(NamedTuple):
    gvr: GVR
    kind: str
    namespaced: bool
    singular: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    subresources: dict[str, SubresourceInfo]

    @property
    def gvk(self) -> GVK:
        return GVK(self.gvr.group, self.gvr.version, self.kind)


class GroupInfo(NamedTuple):
    name: str
    versions: tuple[str, ...]
    """The preferred one first."""


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sort key: v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before anything else."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not match:
        return (3, 0, 0, version)
    major, stage, minor = match.groups()
    return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), version)


def _load() -> tuple[ResourceInfo, ...]:
    table: dict[str, dict[str, Any]] = orjson.loads(DATA.read_bytes())
    found = [
        _resource(api_version, name, entry) for api_version, named in table.items() for name, entry in named.items()
    ]
    order = {group: index for index, group in enumerate(GROUP_ORDER)}
    found.sort(key=lambda info: (order[info.gvr.group], version_rank(info.gvr.version)))
    return tuple(found)


def _resource(api_version: str, name: str, entry: dict[str, Any]) -> ResourceInfo:
    group, version = split_api_version(api_version)
    own = GVK(group, version, entry["kind"])
    return ResourceInfo(
        gvr=GVR(group, version, name),
        kind=own.kind,
        namespaced=entry["namespaced"],
        singular=own.kind.lower(),
        short_names=tuple(entry.get("shortNames", ())),
        categories=tuple(entry.get("categories", ())),
        verbs=tuple(entry["verbs"]),
        subresources={
            sub: SubresourceInfo(sub, _kind(what["kind"], own), tuple(what["verbs"]))
            for sub, what in entry.get("subresources", {}).items()
        },
    )


def _kind(text: str | None, own: GVK) -> GVK:
    """`autoscaling/v1 Scale`, or nothing for the resource's own kind."""
    if text is None:
        return own
    api_version, _, kind = text.rpartition(" ")
    return GVK(*split_api_version(api_version), kind)


BUILTIN: Final[tuple[ResourceInfo, ...]] = _load()

_BY_GVR: Final = {info.gvr: info for info in BUILTIN}
_BY_GVK: Final = {info.gvk: info for info in BUILTIN}


def by_gvr(gvr: GVR) -> ResourceInfo | None:
    return _BY_GVR.get(gvr)


def by_gvk(gvk: GVK) -> ResourceInfo | None:
    return _BY_GVK.get(gvk)


@cache
def groups() -> tuple[GroupInfo, ...]:
    """All built-in groups, the core group first, each with its versions in order of preference."""
    versions: dict[str, list[str]] = {}
    for info in BUILTIN:
        listed = versions.setdefault(info.gvr.group, [])
        if info.gvr.version not in listed:
            listed.append(info.gvr.version)
    return tuple(GroupInfo(group, tuple(listed)) for group, listed in versions.items())


def in_group_version(group: str, version: str) -> tuple[ResourceInfo, ...]:
    return tuple(info for info in BUILTIN if (info.gvr.group, info.gvr.version) == (group, version))
