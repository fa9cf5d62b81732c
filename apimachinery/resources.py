"""Names of resources and kinds."""

from __future__ import annotations

from typing import NamedTuple


class GVR(NamedTuple):
    """Group, version and plural resource: what a URL names."""

    group: str
    version: str
    resource: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


class GVK(NamedTuple):
    """Group, version and kind: what an object says it is."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


def split_api_version(api_version: str) -> tuple[str, str]:
    """`apps/v1` -> (`apps`, `v1`); `v1` -> (``, `v1`)."""
    group, _, version = api_version.rpartition("/")
    return group, version


def split_key(key: str) -> tuple[str, str]:
    """A work queue key, `namespace/name` or `name`, into (namespace, name)."""
    namespace, _, name = key.rpartition("/")
    return namespace, name


def join_key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
