"""The runtime process: a backend, and the CRI services over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from apimachinery.clock import Clock
from cri.backend import RuntimeBackend
from cri.config import Config
from cri.image_service import ImageService
from cri.runtime_service import RuntimeService
from cri.streaming import StreamingServer
from proto import cri_pb2_grpc
from wire.seams import Seams, load_clock, make_seams
from wire.server import Service, serve
from wire.tls import TlsFiles

log = logging.getLogger(__name__)


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Serve until `stop` is set. Containers live on; the next process finds them again."""
    seams = make_seams(f"runtime-{config.node_name}", clock or load_clock(config.clock_file))
    config.state_dir.mkdir(parents=True, exist_ok=True)
    backend = make_backend(config, seams)
    async with asyncio.TaskGroup() as group:
        backend_task = group.create_task(backend.run())  # finds what runs, follows it
        async with (
            serve_cri(config.socket, config.streaming_address, backend, seams),  # the kubelet's door
            _serve_debug(config, seams),  # the debugger's door
        ):
            log.info("%s runtime of node %s serves CRI on %s", config.runtime, config.node_name, config.socket)
            await stop.wait()
        backend_task.cancel()


def make_backend(config: Config, seams: Seams) -> RuntimeBackend:
    """Import only what is used: the Docker SDK takes its time."""
    if config.runtime == "sim":
        from cri.sim.backend import SimBackend

        return SimBackend(config.state_dir, config.log_root, seams, node_ip=config.node_ip)
    if config.runtime == "docker":
        from cri.docker.backend import DockerBackend

        return DockerBackend(config, seams)
    raise ValueError(f"--runtime {config.runtime}: must be docker or sim")


@asynccontextmanager
async def serve_cri(
    socket: str, streaming_address: str, backend: RuntimeBackend, seams: Seams
) -> AsyncIterator[StreamingServer]:
    """RuntimeService and ImageService on the unix socket `socket`, and the streams they refer to."""
    streaming = StreamingServer(backend, seams)
    runtime, images = RuntimeService(backend, streaming, seams), ImageService(backend, seams)
    services = [
        Service(
            "runtime.v1.RuntimeService",
            lambda server: cri_pb2_grpc.add_RuntimeServiceServicer_to_server(runtime, server),
        ),
        Service(
            "runtime.v1.ImageService", lambda server: cri_pb2_grpc.add_ImageServiceServicer_to_server(images, server)
        ),
    ]
    _clear_socket(Path(socket))
    async with streaming.serve(streaming_address), serve(f"unix:{socket}", seams, None, services):
        yield streaming


def _clear_socket(path: Path) -> None:
    """A killed predecessor leaves its socket file behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


@asynccontextmanager
async def _serve_debug(config: Config, seams: Seams) -> AsyncIterator[None]:
    if not config.debug_address:
        yield
        return
    if config.pki_dir is None:
        raise ValueError("--debug-address needs --pki-dir")
    tls = TlsFiles.in_directory(config.pki_dir, f"runtime-{config.node_name}")
    async with serve(config.debug_address, seams, tls):
        yield
