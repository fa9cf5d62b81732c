"""CRI ImageService."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from apimachinery.errors import ApiError
from cri import convert
from cri.backend import RuntimeBackend
from cri.limits import STREAM_PAGE
from cri.records import ImageRecord
from proto import cri_pb2 as pb
from proto import cri_pb2_grpc
from wire.seams import Seams


class ImageService(cri_pb2_grpc.ImageServiceServicer):
    """Methods mirror `proto/cri.proto`."""

    def __init__(self, backend: RuntimeBackend, seams: Seams) -> None:
        self._backend = backend
        self._seams = seams

    async def ListImages(self, request: pb.ListImagesRequest, context: Any) -> pb.ListImagesResponse:
        return pb.ListImagesResponse(images=map(convert.image_message, await self._list(request.filter)))

    async def StreamImages(
        self, request: pb.StreamImagesRequest, context: Any
    ) -> AsyncIterator[pb.StreamImagesResponse]:
        images = [convert.image_message(one) for one in await self._list(request.filter)]
        for start in range(0, len(images), STREAM_PAGE):
            yield pb.StreamImagesResponse(images=images[start : start + STREAM_PAGE])

    async def _list(self, wanted: pb.ImageFilter) -> list[ImageRecord]:
        self._backend.require_ready()
        if not wanted.image.image:
            return await self._backend.images.list()
        found = await self._backend.images.get(wanted.image.image)
        return [found] if found is not None else []

    async def ImageStatus(self, request: pb.ImageStatusRequest, context: Any) -> pb.ImageStatusResponse:
        """An image that is not there is an empty answer, not an error."""
        image = await self._find(request.image)
        if image is None:
            return pb.ImageStatusResponse()
        response = pb.ImageStatusResponse(image=convert.image_message(image))
        if request.verbose:
            response.info["info"] = json.dumps({"stopSignal": image.stop_signal, "user": image.user})
        return response

    async def PullImage(self, request: pb.PullImageRequest, context: Any) -> pb.PullImageResponse:
        self._backend.require_ready()
        if not request.image.image:
            raise ApiError("BadRequest", "image must be given")
        auth = request.auth if request.HasField("auth") else None
        sandbox = request.sandbox_config if request.HasField("sandbox_config") else None
        return pb.PullImageResponse(image_ref=await self._backend.images.pull(request.image.image, auth, sandbox))

    async def RemoveImage(self, request: pb.RemoveImageRequest, context: Any) -> pb.RemoveImageResponse:
        image = await self._find(request.image)
        if image is not None:
            await self._backend.images.remove(image)
        return pb.RemoveImageResponse()

    async def ImageFsInfo(self, request: pb.ImageFsInfoRequest, context: Any) -> pb.ImageFsInfoResponse:
        self._backend.require_ready()
        used = await self._backend.images.fs_usage()
        usage = pb.FilesystemUsage(
            timestamp=int(self._seams.clock.time() * 1e9),
            fs_id=pb.FilesystemIdentifier(mountpoint=used.mountpoint),
            used_bytes=pb.UInt64Value(value=used.used_bytes),
            inodes_used=pb.UInt64Value(value=used.inodes_used),
        )
        return pb.ImageFsInfoResponse(image_filesystems=[usage], container_filesystems=[usage])

    async def _find(self, spec: pb.ImageSpec) -> ImageRecord | None:
        self._backend.require_ready()
        if not spec.image:
            raise ApiError("BadRequest", "image must be given")
        return await self._backend.images.get(spec.image)
