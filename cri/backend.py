"""What the CRI services ask of a runtime. `sim/` and `docker/` implement it, and one contract suite holds both to it.

Contract: `store` is the truth, kept current by the backend; `require_ready` raises ApiError while it cannot be. Every
method takes records that the caller has just found in the store. `stop_*` of what has stopped and `remove_*` of what
is gone succeed. A backend refuses with ApiError; other exceptions are bugs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from cri.records import Condition, Container, ImageRecord, NetworkUsage, Sandbox, Usage
from cri.store import Store
from proto import cri_pb2 as pb


class Output(NamedTuple):
    """A piece of what a process wrote; `channel` is 1 for stdout, 2 for stderr."""

    channel: int
    data: bytes


class Session(Protocol):
    """One exec'd or attached process."""

    def output(self) -> AsyncIterator[Output]:
        """Ends when the process does, or when it has closed its output."""
        ...

    async def write(self, data: bytes) -> None:
        """To stdin. Writing to a process that no longer reads is no error."""
        ...

    async def close_stdin(self) -> None: ...

    async def resize(self, width: int, height: int) -> None: ...

    async def exit_code(self) -> int:
        """After `output` has ended. 0 for an attachment, whose process lives on."""
        ...

    async def kill(self) -> None:
        """Best effort: nobody waits for the process any more."""
        ...


class Command(NamedTuple):
    """What to exec."""

    argv: Sequence[str]
    tty: bool = False
    stdin: bool = False


class FsUsage(NamedTuple):
    mountpoint: str
    used_bytes: int
    inodes_used: int


class Images(Protocol):
    """The images of one runtime."""

    async def list(self) -> list[ImageRecord]: ...

    async def get(self, name: str) -> ImageRecord | None:
        """By tag, digest or id."""
        ...

    async def pull(self, name: str, auth: pb.AuthConfig | None, sandbox: pb.PodSandboxConfig | None) -> str:
        """Give the image's id. Raises ApiError with what the registry said."""
        ...

    async def remove(self, image: ImageRecord) -> None: ...

    async def fs_usage(self) -> FsUsage: ...


class RuntimeBackend(Protocol):
    """A way to run containers."""

    name: str
    store: Store

    @property
    def images(self) -> Images: ...

    async def run(self) -> None:
        """Find what runs already, then keep `store` true. For a TaskGroup; survives the loss of what is underneath."""
        ...

    async def version(self) -> str: ...

    def conditions(self) -> tuple[Condition, Condition]:
        """RuntimeReady and NetworkReady."""
        ...

    def require_ready(self) -> None:
        """Raises ApiError while `store` may not be believed."""
        ...

    def set_pod_cidr(self, cidr: str) -> None: ...

    async def run_sandbox(self, config: pb.PodSandboxConfig, handler: str) -> str: ...

    async def stop_sandbox(self, sandbox: Sandbox) -> None: ...

    async def remove_sandbox(self, sandbox: Sandbox) -> None: ...

    async def create_container(self, sandbox: Sandbox, config: pb.ContainerConfig) -> str: ...

    async def start_container(self, container: Container) -> None: ...

    async def stop_container(self, container: Container, grace_seconds: float) -> None:
        """Ask it to end, and after the grace (cluster time) end it. Returns once it has ended."""
        ...

    async def remove_container(self, container: Container) -> None: ...

    async def update_resources(self, container: Container, resources: pb.LinuxContainerResources) -> None: ...

    async def reopen_log(self, container: Container) -> None: ...

    def exec(self, container: Container, command: Command) -> AbstractAsyncContextManager[Session]: ...

    def attach(self, container: Container, *, stdin: bool) -> AbstractAsyncContextManager[Session]: ...

    async def connect(self, sandbox: Sandbox, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To `port` as it is on the loopback interface inside the sandbox. Raises ApiError if nobody listens."""
        ...

    async def usage(self, containers: Sequence[Container]) -> list[Usage]:
        """Of those that run."""
        ...

    async def network_usage(self, sandbox: Sandbox) -> NetworkUsage: ...
