"""The volume types that are files projected from the API: configMap, secret, downwardAPI, projected."""

from __future__ import annotations

import shutil
from pathlib import Path

from api.pod import Pod
from api.volume import ConfigMapVolume, ServiceAccountTokenProjection, VolumeProjection
from apimachinery.errors import ApiError
from kubelet.objects import ObjectRef
from kubelet.volumes import atomic_writer
from kubelet.volumes.base import File, MountRequest, Payload, VolumeError
from kubelet.volumes.payload import downward_payload, keys_payload, merged


class ProjectedFiles:
    """Common ground: write a payload atomically, remove the directory at the end."""

    plugin = ""
    live = True

    async def payload(self, request: MountRequest) -> Payload:
        raise NotImplementedError

    async def set_up(self, request: MountRequest) -> Path:
        payload = await self.payload(request)
        atomic_writer.write(request.directory, payload, "version", request.fs_group)
        return request.directory

    async def tear_down(self, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)


class ConfigMapType(ProjectedFiles):
    plugin = "kubernetes.io~configmap"

    async def payload(self, request: MountRequest) -> Payload:
        source = request.volume.config_map
        assert source is not None
        return await _keys(request, ObjectRef("ConfigMap", source.name), source, source.default_mode)


class SecretType(ProjectedFiles):
    plugin = "kubernetes.io~secret"

    async def payload(self, request: MountRequest) -> Payload:
        source = request.volume.secret
        assert source is not None
        ref = ObjectRef("Secret", source.secret_name)
        data = await request.objects.data(request.pod.namespace, ref, fresh=request.fresh)
        return keys_payload(ref, data, source.items, source.default_mode, optional=source.optional)


class DownwardAPIType(ProjectedFiles):
    plugin = "kubernetes.io~downward-api"

    async def payload(self, request: MountRequest) -> Payload:
        source = request.volume.downward_api
        assert source is not None
        return downward_payload(request.pod, source.items, source.default_mode, request.node, request.pod_ips)


class ProjectedType(ProjectedFiles):
    plugin = "kubernetes.io~projected"

    async def payload(self, request: MountRequest) -> Payload:
        source = request.volume.projected
        assert source is not None
        return merged([await self._source(request, one, source.default_mode) for one in source.sources])

    async def _source(self, request: MountRequest, source: VolumeProjection, mode: int | None) -> Payload:
        if source.config_map is not None:
            return await _keys(request, ObjectRef("ConfigMap", source.config_map.name), source.config_map, mode)
        if source.secret is not None:
            return await _keys(request, ObjectRef("Secret", source.secret.name), source.secret, mode)
        if source.downward_api is not None:
            return downward_payload(request.pod, source.downward_api.items, mode, request.node, request.pod_ips)
        if source.service_account_token is not None:
            return await _token(request, source.service_account_token, mode)
        raise VolumeError("projected volume: one of its sources is of an unsupported kind")


async def _keys(request: MountRequest, ref: ObjectRef, source: ConfigMapVolume, mode: int | None) -> Payload:
    data = await request.objects.data(request.pod.namespace, ref, fresh=request.fresh)
    return keys_payload(ref, data, source.items, mode, optional=source.optional)


async def _token(request: MountRequest, source: ServiceAccountTokenProjection, mode: int | None) -> Payload:
    try:
        token = await request.tokens(request.pod, source)
    except ApiError as error:
        raise VolumeError(f"failed to fetch token: {error.message}") from None
    private = request.fs_group is not None or _only_user(request.pod) is not None
    bits = 0o600 if private else (0o644 if mode is None else mode)
    return {source.path: File(token.encode(), bits)}


def _only_user(pod: Pod) -> int | None:
    """The user that all containers run as, if the spec says so for each."""
    context = pod.spec.security_context
    default = context.run_as_user if context else None
    users = {
        one.security_context.run_as_user
        if one.security_context is not None and one.security_context.run_as_user is not None
        else default
        for one in (*pod.spec.init_containers, *pod.spec.containers)
    }
    return users.pop() if len(users) == 1 else None
