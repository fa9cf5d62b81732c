"""All volume types. Adding one: a class in its own file and its line here, under its field of `api.pod.Volume`."""

from __future__ import annotations

from api.volume import Volume
from kubelet.volumes.base import VolumeError, VolumeType
from kubelet.volumes.empty_dir import EmptyDirType
from kubelet.volumes.host import HostFiles
from kubelet.volumes.host_path import HostPathType
from kubelet.volumes.persistent_claim import PersistentClaimType
from kubelet.volumes.projected_files import ConfigMapType, DownwardAPIType, ProjectedType, SecretType

VolumeTypes = dict[str, VolumeType]
"""By the type's field of `api.pod.Volume`."""


def volume_types(host: HostFiles) -> VolumeTypes:
    return {
        "empty_dir": EmptyDirType(host),
        "host_path": HostPathType(host),
        "config_map": ConfigMapType(),
        "secret": SecretType(),
        "downward_api": DownwardAPIType(),
        "projected": ProjectedType(),
        "persistent_volume_claim": PersistentClaimType(host),
    }


def type_of(types: VolumeTypes, volume: Volume) -> VolumeType:
    """Raises VolumeError for a source that is not in the table."""
    for name, found in types.items():
        if getattr(volume, name) is not None:
            return found
    raise VolumeError("no volume plugin matched: this kind of volume is not supported")
