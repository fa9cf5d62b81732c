"""persistentVolumeClaim: whatever the claim's PersistentVolume is. Those that are a path on the node are mounted."""

from __future__ import annotations

from pathlib import Path

from kubelet.volumes.base import MountRequest, VolumeError
from kubelet.volumes.host import HostFiles
from kubelet.volumes.host_path import check

_NOT_SOURCES = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)


class PersistentClaimType:
    plugin = "kubernetes.io~persistent-claim"
    live = False

    def __init__(self, host: HostFiles) -> None:
        self._host = host

    async def set_up(self, request: MountRequest) -> Path:
        source = request.volume.persistent_volume_claim
        assert source is not None
        volume = await request.claims(request.pod.namespace, source.claim_name)
        spec = volume["spec"]
        if spec.get("volumeMode") == "Block":
            raise VolumeError(f"persistent volume {volume['metadata']['name']} has volumeMode Block: not supported")
        if "hostPath" in spec:
            return self._host.run(check, Path(spec["hostPath"]["path"]), spec["hostPath"].get("type", ""))
        if "local" in spec:
            return self._host.run(check, Path(spec["local"]["path"]), "Directory")
        kind = next((name for name in spec if name not in _NOT_SOURCES), "unknown")
        name = volume["metadata"]["name"]
        raise VolumeError(f"persistent volume {name} is of kind {kind}, which is not supported")

    async def tear_down(self, directory: Path) -> None:
        """What it holds outlives the pod."""
