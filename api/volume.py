"""Volumes of a pod, core/v1."""

from __future__ import annotations

from api.container import ObjectFieldSelector, ResourceFieldSelector
from api.meta import Struct


class KeyToPath(Struct, frozen=True):
    key: str = ""
    path: str = ""
    mode: int | None = None


class EmptyDirVolume(Struct, frozen=True):
    medium: str = ""
    size_limit: str | int | None = None


class HostPathVolume(Struct, frozen=True):
    path: str = ""
    type: str = ""


class ConfigMapVolume(Struct, frozen=True):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretVolume(Struct, frozen=True):
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class DownwardAPIFile(Struct, frozen=True):
    path: str = ""
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolume(Struct, frozen=True):
    items: tuple[DownwardAPIFile, ...] = ()
    default_mode: int | None = None


class ServiceAccountTokenProjection(Struct, frozen=True):
    audience: str = ""
    expiration_seconds: int = 3600
    path: str = ""


class VolumeProjection(Struct, frozen=True):
    """One source of a projected volume; its Secret is named `name`, unlike a Secret volume's."""

    config_map: ConfigMapVolume | None = None
    secret: ConfigMapVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolume(Struct, frozen=True):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolume(Struct, frozen=True):
    claim_name: str = ""
    read_only: bool = False


class Volume(Struct, frozen=True):
    """Of a source that is not listed here, only `unsupported_source` in the kubelet's view of the raw pod tells."""

    name: str = ""
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    projected: ProjectedVolume | None = None
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None
