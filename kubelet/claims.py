"""From a claim to its volume, by the API."""

from __future__ import annotations

from typing import Any

from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from client.api import ApiClient
from kubelet.volumes.base import VolumeError

CLAIMS = GVR("", "v1", "persistentvolumeclaims")
VOLUMES = GVR("", "v1", "persistentvolumes")


class BoundVolumes:
    """Reads claims and volumes as they are now."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def find(self, namespace: str, name: str) -> dict[str, Any]:
        """Raises VolumeError for a claim that is missing or not bound to a volume that says the same."""
        try:
            claim = await self._api.get_raw(CLAIMS, name, namespace)
            volume_name = claim.get("spec", {}).get("volumeName", "")
            if claim.get("status", {}).get("phase") != "Bound" or not volume_name:
                raise VolumeError(f"error processing PVC {namespace}/{name}: PVC is not bound")
            volume = await self._api.get_raw(VOLUMES, volume_name)
        except ApiError as error:
            if error.code == 404:
                raise VolumeError(f"error processing PVC {namespace}/{name}: {error.message}") from None
            raise
        if volume.get("spec", {}).get("claimRef", {}).get("uid") != claim["metadata"]["uid"]:
            raise VolumeError(f"error processing PVC {namespace}/{name}: PVC is not the claim of PV {volume_name}")
        return volume
