"""Images: there or pulled before a container starts, by its pull policy, with pauses between failed pulls."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable

import msgspec

from api.container import Container
from api.core import Secret
from api.pod import Pod
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from kubelet.backoff import Backoff
from kubelet.durations import format_duration
from kubelet.limits import IMAGE_PULLS
from kubelet.objects import ObjectRef, ObjectSource
from kubelet.runtime import CriRuntime
from proto import cri_pb2 as pb

log = logging.getLogger(__name__)

Tell = Callable[[str, str, str], None]
"""Records an event about the container: type, reason, message."""

SHOW_ERROR_SECONDS = 2.0
DOCKER_HUB = ("docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io")


class ImageError(Exception):
    """Why the container waits: `reason` is ErrImagePull, ImagePullBackOff, ErrImageNeverPull or the like."""

    def __init__(self, reason: str, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_at = retry_at


class Images:
    """The image side of one node's runtime."""

    def __init__(self, runtime: CriRuntime, objects: ObjectSource, clock: Clock) -> None:
        self._runtime = runtime
        self._objects = objects
        self._clock = clock
        self._backoff = Backoff()
        self._failures: dict[tuple[str, str], tuple[float, str]] = {}
        self._pulls = asyncio.Semaphore(IMAGE_PULLS)

    async def ensure(self, pod: Pod, container: Container, sandbox: pb.PodSandboxConfig, tell: Tell) -> pb.Image:
        """The image, pulled if its policy says so. Raises ImageError."""
        image = with_default_tag(container.image)
        policy = container.image_pull_policy or default_policy(image)
        try:
            present = await self._runtime.image_status(image)
        except ApiError as error:
            tell("Warning", "InspectFailed", f'Failed to inspect image "{container.image}": {error.message}')
            message = f'Failed to inspect image "{container.image}": {error.message}'
            raise ImageError("ImageInspectError", message) from None
        if present is not None and policy != "Always":
            tell("Normal", "Pulled", f'Container image "{container.image}" already present on machine')
            return present
        if policy == "Never":
            message = f'Container image "{container.image}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageError("ErrImageNeverPull", message)
        return await self._pull(pod, container, image, sandbox, tell)

    def forget(self, uid: str) -> None:
        self._backoff.forget(uid)
        for key in [key for key in self._failures if key[0] == uid]:
            del self._failures[key]

    async def _pull(
        self, pod: Pod, container: Container, image: str, sandbox: pb.PodSandboxConfig, tell: Tell
    ) -> pb.Image:
        key = (pod.uid, image)
        failed_at, why = self._failures.get(key, (0.0, ""))
        if why and self._backoff.until(key, failed_at) > self._clock.time():
            message = f'Back-off pulling image "{container.image}"'
            tell("Normal", "BackOff", message)
            detail = f"{message}: ErrImagePull: {why}"
            raise ImageError("ImagePullBackOff", detail, self._backoff.until(key, failed_at))
        tell("Normal", "Pulling", f'Pulling image "{container.image}"')
        asked = self._clock.time()
        try:
            async with self._pulls:
                began = self._clock.time()
                auth = await self._credentials(pod, image)
                await self._runtime.pull_image(image, auth, sandbox)
                found = await self._runtime.image_status(image)
        except ApiError as error:
            now = self._clock.time()
            self._backoff.advance(key, now, now)
            self._failures[key] = (now, error.message)
            tell("Warning", "Failed", f'Failed to pull image "{container.image}": {error.message}')
            # Looked at again soon, so that people see that it is being held back.
            raise ImageError("ErrImagePull", error.message, now + SHOW_ERROR_SECONDS) from None
        if found is None:
            raise ImageError("ErrImagePull", f'image "{container.image}" is not there although it was pulled')
        self._failures.pop(key, None)
        self._backoff.clear(key)
        done = self._clock.time()
        took, waited = format_duration(done - began), format_duration(done - asked)
        size = f"Image size: {found.size} bytes."
        words = f'Successfully pulled image "{container.image}" in {took} ({waited} including waiting). {size}'
        tell("Normal", "Pulled", words)
        return found

    async def _credentials(self, pod: Pod, image: str) -> pb.AuthConfig | None:
        """From the pod's imagePullSecrets; the first that knows the registry."""
        for ref in pod.spec.image_pull_secrets:
            data = await self._objects.data(pod.namespace, ObjectRef(Secret.KIND, ref.name), fresh=True)
            auth = credentials_for(registry_of(image), data or {})
            if auth is not None:
                return auth
        return None


def with_default_tag(image: str) -> str:
    """`nginx` means `nginx:latest`."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def default_policy(image: str) -> str:
    return "Always" if with_default_tag(image).endswith(":latest") else "IfNotPresent"


def registry_of(image: str) -> str:
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def credentials_for(registry: str, data: object) -> pb.AuthConfig | None:
    """Of a `kubernetes.io/dockerconfigjson` or `dockercfg` Secret's data."""
    table = data if isinstance(data, dict) else {}
    raw = table.get(".dockerconfigjson") or table.get(".dockercfg")
    if not raw:
        return None
    try:
        config = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        log.warning("a pull secret is not JSON")
        return None
    entries = config.get("auths", config) if isinstance(config, dict) else {}
    names = DOCKER_HUB if registry == "docker.io" else (registry, f"https://{registry}", f"http://{registry}")
    for name, entry in entries.items():
        if name in names or name.rstrip("/") in names or name.split("/")[0] == registry:
            return _auth(entry, registry)
    return None


def _auth(entry: dict[str, str], registry: str) -> pb.AuthConfig:
    username, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth") and not username:
        username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    return pb.AuthConfig(
        username=username,
        password=password,
        identity_token=entry.get("identitytoken", ""),
        registry_token=entry.get("registrytoken", ""),
        server_address=registry,
    )
