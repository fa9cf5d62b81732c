"""Images of the simulated runtime: names that were pulled, without content."""

from __future__ import annotations

import builtins
import hashlib

from apimachinery.errors import ApiError
from cri.backend import FsUsage
from cri.image_names import familiar, image_id, split
from cri.limits import SIM_IMAGES
from cri.records import ImageRecord
from cri.sim.checkpoint import Checkpoint
from cri.sim.profile import Settings
from proto import cri_pb2 as pb
from wire.seams import Seams

SIZE_BYTES = 10 * 1024 * 1024
"""What every image is said to take."""
PRELOADED = ("orrery/busybox:1", "orrery/busybox:2")


class SimImages:
    """Every image can be pulled unless an annotation of the pod says otherwise."""

    def __init__(self, checkpoint: Checkpoint, seams: Seams) -> None:
        self._checkpoint = checkpoint
        self._seams = seams
        self._images: dict[str, ImageRecord] = {}

    def load(self) -> None:
        for name in (*PRELOADED, *self._checkpoint.images()):
            self._images.setdefault(name, _record(name))

    async def list(self) -> builtins.list[ImageRecord]:
        return [*self._images.values()]

    async def get(self, name: str) -> ImageRecord | None:
        wanted = image_id(name)
        if wanted:
            return next((image for image in self._images.values() if image.id == wanted), None)
        return self._images.get(familiar(name))

    async def pull(self, name: str, auth: pb.AuthConfig | None, sandbox: pb.PodSandboxConfig | None) -> str:
        settings = Settings(sandbox.annotations if sandbox is not None else {})
        short = familiar(name)
        await self._seams.clock.sleep(settings.get("pull-delay", float, 0.0), f"pull {short}")
        refusal = settings.text("pull-error")
        if refusal:
            raise ApiError("NotFound", f'failed to pull and unpack image "{short}": {refusal}')
        if short not in self._images and len(self._images) >= SIM_IMAGES:
            raise ApiError("TooManyRequests", f"{SIM_IMAGES} images are here already; remove some")
        self._images[short] = _record(short)
        self._checkpoint.save_images([*self._images])
        return self._images[short].id

    async def remove(self, image: ImageRecord) -> None:
        self._images = {name: one for name, one in self._images.items() if one.id != image.id}
        self._checkpoint.save_images([*self._images])

    async def fs_usage(self) -> FsUsage:
        return FsUsage("/simulated", SIZE_BYTES * len(self._images), len(self._images))


def _record(name: str) -> ImageRecord:
    digest = hashlib.sha256(name.encode()).hexdigest()
    repository, tag, _ = split(name)
    return ImageRecord(
        id=f"sha256:{digest}",
        tags=(name,) if tag else (),
        digests=(f"{repository}@sha256:{digest}",),
        size=SIZE_BYTES,
    )
