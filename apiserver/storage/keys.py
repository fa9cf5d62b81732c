"""Where an object lies: `/registry/pods/NS/NAME`, as upstream lays it out, so that etcdctl recipes work."""

from __future__ import annotations

from typing import Final, NamedTuple

ROOT: Final = "/registry/"

_SPECIAL: Final[dict[tuple[str, str], str]] = {
    ("", "services"): "services/specs",
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
    ("", "replicationcontrollers"): "controllers",
    ("events.k8s.io", "events"): "events",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.k8s.io/customresourcedefinitions",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.k8s.io/apiservices",
}

_TWO_PARTS: Final = frozenset(("services",))
"""First parts of a key that are not a resource by themselves. Groups (they have a dot) are others."""


class Place(NamedTuple):
    """A key taken apart: the resource's prefix, and `namespace/name` or `name`."""

    prefix: str
    key: str


def prefix_of(group: str, resource: str, *, builtin: bool = True) -> str:
    """The part of a key between `/registry/` and the object. Custom resources lie under their group."""
    special = _SPECIAL.get((group, resource))
    if special:
        return special
    return resource if builtin else f"{group}/{resource}"


def etcd_key(prefix: str, key: str) -> bytes:
    return f"{ROOT}{prefix}/{key}".encode()


def parse(raw: bytes) -> Place | None:
    """The inverse of `etcd_key`; None for keys that are no objects."""
    text = raw.decode("utf-8", "replace")
    if not text.startswith(ROOT):
        return None
    first, _, rest = text[len(ROOT) :].partition("/")
    if first in _TWO_PARTS or "." in first:
        second, _, rest = rest.partition("/")
        first = f"{first}/{second}"
    return Place(first, rest) if rest else None


def range_end(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`; etcd's word for "to the end" if that is empty."""
    return prefix[:-1] + bytes((prefix[-1] + 1,)) if prefix else b"\x00"
