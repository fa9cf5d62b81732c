"""The volumes of all pods of one kubelet: mounted before containers start, refreshed while they run, then removed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from api.pod import Pod
from api.volume import Volume
from apimachinery.errors import ApiError
from kubelet.downward import NodeFacts
from kubelet.objects import ObjectSource
from kubelet.volumes import sub_path
from kubelet.volumes.base import Claims, MountRequest, Tokens, VolumeError
from kubelet.volumes.host import HostFiles
from kubelet.volumes.table import type_of, volume_types


class MountFailed(Exception):
    """`MountVolume.SetUp failed for volume "x" : ...`."""


class VolumeManager:
    """`root` is the kubelet's state directory; pods live in `root/pods/UID`."""

    def __init__(
        self, root: Path, objects: ObjectSource, tokens: Tokens, claims: Claims, node: Callable[[], NodeFacts],
        host: HostFiles | None = None,
    ) -> None:  # fmt: skip
        self._host = host or HostFiles()
        self._types = volume_types(self._host)
        self._pods = root / "pods"
        self._objects = objects
        self._tokens = tokens
        self._claims = claims
        self._node = node
        self._mounted: dict[str, dict[str, Path]] = {}

    def pod_directory(self, uid: str) -> Path:
        return self._pods / uid

    async def mount(self, pod: Pod, pod_ips: tuple[str, ...]) -> dict[str, Path]:
        """Every volume of the pod, by name. Raises MountFailed naming the first that cannot be."""
        mounted = self._mounted.setdefault(pod.uid, {})
        for volume in pod.spec.volumes:
            if volume.name not in mounted:
                mounted[volume.name] = await self._set_up(pod, volume, pod_ips, fresh=True)
        return mounted

    def mounted(self, uid: str) -> dict[str, Path]:
        return self._mounted.get(uid, {})

    async def refresh(self, pod: Pod, pod_ips: tuple[str, ...], *, fresh: bool) -> None:
        """Bring the files of a mounted pod up to date. Raises MountFailed naming each volume that cannot be, once all
        others have been; what was there before stays."""
        failures: list[str] = []
        for volume in pod.spec.volumes:
            if volume.name in self._mounted.get(pod.uid, {}) and type_of(self._types, volume).live:
                try:
                    await self._set_up(pod, volume, pod_ips, fresh=fresh)
                except MountFailed as error:
                    failures.append(str(error))
        if failures:
            raise MountFailed("; ".join(failures))

    async def unmount(self, uid: str) -> None:
        """Remove all that the kubelet made for a pod. Does nothing if there is nothing."""
        self._mounted.pop(uid, None)
        directory = self._pods / uid
        if not directory.exists():
            return
        plugins = {one.plugin: one for one in self._types.values()}
        for place in directory.glob("volumes/*/*"):
            if place.parent.name in plugins:
                await plugins[place.parent.name].tear_down(place)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def sub_path(self, volume: Path, inside: str) -> Path:
        """See `sub_path.resolve`."""
        return self._host.run(sub_path.resolve, volume, inside)

    def uids_on_disk(self) -> list[str]:
        return [one.name for one in self._pods.iterdir()] if self._pods.exists() else []

    async def _set_up(self, pod: Pod, volume: Volume, pod_ips: tuple[str, ...], *, fresh: bool) -> Path:
        what = f'MountVolume.SetUp failed for volume "{volume.name}" : '
        try:
            kind = type_of(self._types, volume)
            directory = self._pods / pod.uid / "volumes" / kind.plugin / volume.name
            request = MountRequest(
                pod, volume, directory, self._objects, self._tokens, self._claims, self._node(), pod_ips, fresh=fresh
            )
            return await kind.set_up(request)
        except (VolumeError, ApiError) as error:
            raise MountFailed(f"{what}{error}") from None
        except OSError as error:
            raise MountFailed(f"{what}{error.strerror}: {error.filename or directory}") from None
