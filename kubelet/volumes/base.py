"""What every volume type implements, and what it is given to do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from api.pod import Pod
from api.volume import ServiceAccountTokenProjection, Volume
from kubelet.downward import NodeFacts
from kubelet.objects import ObjectSource


class VolumeError(Exception):
    """Why a volume cannot be mounted, as the FailedMount event says it after `MountVolume.SetUp failed ...: `."""


class File(NamedTuple):
    """A file to project: what is in it and its permission bits."""

    data: bytes
    mode: int = 0o644


Claims = Callable[[str, str], Awaitable[dict[str, Any]]]
"""The PersistentVolume, as JSON, that a claim (namespace, name) is bound to. Raises VolumeError or ApiError."""

Payload = dict[str, File]
"""By path relative to the volume."""

Tokens = Callable[[Pod, ServiceAccountTokenProjection], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class MountRequest:
    """One volume of one pod. `directory` is the volume's own place on the node; it may not exist yet."""

    pod: Pod
    volume: Volume
    directory: Path
    objects: ObjectSource
    tokens: Tokens
    claims: Claims
    node: NodeFacts
    pod_ips: tuple[str, ...] = ()
    fresh: bool = False

    @property
    def fs_group(self) -> int | None:
        context = self.pod.spec.security_context
        return context.fs_group if context else None


class VolumeType(Protocol):
    """`live`: its content follows the API while the pod runs."""

    plugin: str
    live: bool

    async def set_up(self, request: MountRequest) -> Path:
        """Make it so, whether it was before or not; gives the path to mount. Raises VolumeError or ApiError."""
        ...

    async def tear_down(self, directory: Path) -> None:
        """Take away what `set_up` made in `directory`; it may be half made or gone."""
        ...
