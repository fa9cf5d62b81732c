"""Images of the engine. Descriptions are remembered until the engine tells of a change."""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
from collections.abc import Mapping
from typing import Any

from apimachinery.errors import ApiError
from cri.backend import FsUsage
from cri.docker.engine import Engine
from cri.image_names import familiar, image_id, split
from cri.limits import DOCKER_IMAGES_CACHED, DOCKER_RETRY_SECONDS
from cri.records import ImageRecord
from proto import cri_pb2 as pb

log = logging.getLogger(__name__)

_CHANGES = ["pull", "tag", "untag", "delete", "import", "load", "prune"]


class DockerImages:
    """Implements `cri.backend.Images`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, ImageRecord] = {}
        self._following = False
        self._root = ""

    async def follow(self) -> None:
        """Forget what changes. For a TaskGroup; survives the engine's absence, when nothing is remembered."""
        query = {"filters": json.dumps({"type": ["image"], "event": _CHANGES})}
        while True:
            try:
                async with self._engine.stream("GET", "/events", query) as stream:
                    self._following = True
                    async for _ in stream.lines():
                        self._known.clear()
            except ApiError as error:
                log.debug("image events: %s", error.message)
            finally:
                self._following = False
                self._known.clear()
            await asyncio.sleep(DOCKER_RETRY_SECONDS)  # real time: it is the engine we wait for

    async def list(self) -> builtins.list[ImageRecord]:
        found = await self._engine.call("images", lambda api: api.images())
        return [_listed(one) for one in found]

    async def get(self, name: str) -> ImageRecord | None:
        wanted = image_id(name) or familiar(name)
        known = self._known.get(wanted)
        if known is not None:
            return known
        try:
            found = await self._engine.call("inspect_image", lambda api: api.inspect_image(wanted), subject=wanted)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise
        record = _inspected(found)
        if self._following and len(self._known) < DOCKER_IMAGES_CACHED:
            self._known[wanted] = record
        return record

    async def pull(self, name: str, auth: pb.AuthConfig | None, sandbox: pb.PodSandboxConfig | None) -> str:
        repository, tag, digest = split(name)
        login = _login(auth)
        await self._engine.call(
            "pull", lambda api: _pull(api, repository, digest or tag, login), long=True, subject=name
        )
        self._known.clear()
        image = await self.get(name)
        if image is None:
            raise ApiError("NotFound", f"image {name} was pulled and is gone again")
        return image.id

    async def remove(self, image: ImageRecord) -> None:
        """All its names: CRI knows images by id."""
        try:
            await self._engine.call("remove_image", lambda api: api.remove_image(image.id, force=True))
        except ApiError as error:
            if error.reason != "NotFound":
                raise
        self._known.clear()

    async def fs_usage(self) -> FsUsage:
        if not self._root:
            info = await self._engine.call("info", lambda api: api.info())
            self._root = str(info["DockerRootDir"])
        images = await self.list()
        return FsUsage(self._root, sum(one.size for one in images), len(images))


def _login(auth: pb.AuthConfig | None) -> dict[str, str] | None:
    """The engine's form of CRI's credentials."""
    if auth is None:
        return None
    if auth.auth and not auth.username:
        import base64

        username, _, password = base64.b64decode(auth.auth).decode().partition(":")
    else:
        username, password = auth.username, auth.password
    fields = {
        "username": username,
        "password": password,
        "serveraddress": auth.server_address,
        "identitytoken": auth.identity_token,
        "registrytoken": auth.registry_token,
    }
    return {key: value for key, value in fields.items() if value}


def _pull(api: Any, repository: str, tag: str, login: dict[str, str] | None) -> None:
    """Blocks until all is here. A failure half-way is a line of the engine's progress, not its answer's status."""
    for step in api.pull(repository, tag=tag, stream=True, decode=True, auth_config=login):
        if "error" in step:
            raise _pull_refused(repository, str(step["error"]))


def _pull_refused(repository: str, message: str) -> ApiError:
    missing = "not found" in message or "manifest unknown" in message or "access denied" in message
    return ApiError("NotFound" if missing else "InternalError", f"failed to pull image {repository}: {message}")


def _listed(found: Mapping[str, Any]) -> ImageRecord:
    return ImageRecord(
        id=found["Id"],
        tags=tuple(tag for tag in found["RepoTags"] or () if tag != "<none>:<none>"),
        digests=tuple(digest for digest in found["RepoDigests"] or () if digest != "<none>@<none>"),
        size=int(found["Size"]),
    )


def _inspected(found: Mapping[str, Any]) -> ImageRecord:
    config = found.get("Config") or {}
    return ImageRecord(
        id=found["Id"],
        tags=tuple(found["RepoTags"] or ()),
        digests=tuple(found["RepoDigests"] or ()),
        size=int(found["Size"]),
        user=config.get("User") or "",
        stop_signal=config.get("StopSignal") or "",
    )
