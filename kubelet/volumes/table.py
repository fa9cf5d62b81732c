"""All volume types. Adding one: a class in its own file and its line here, under its field of `api.pod.Volume`."""

from __future__ import annotations

from api.pod import Volume
from kubelet.volumes.base import VolumeError, VolumeType
from kubelet.volumes.empty_dir import EmptyDirType
from kubelet.volumes.host_path import HostPathType
from kubelet.volumes.persistent_claim import PersistentClaimType
from kubelet.volumes.projected_files import ConfigMapType, DownwardAPIType, ProjectedType, SecretType

VOLUME_TYPES: dict[str, VolumeType] = {
    "empty_dir": EmptyDirType(),
    "host_path": HostPathType(),
    "config_map": ConfigMapType(),
    "secret": SecretType(),
    "downward_api": DownwardAPIType(),
    "projected": ProjectedType(),
    "persistent_volume_claim": PersistentClaimType(),
}


def type_of(volume: Volume) -> VolumeType:
    """Raises VolumeError for a source that is not in the table."""
    for name, found in VOLUME_TYPES.items():
        if getattr(volume, name) is not None:
            return found
    raise VolumeError("no volume plugin matched: this kind of volume is not supported")
