"""A cluster that consists of nothing but Debug services, with the files that the command reads."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cli import pki
from cli import spec as specs
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState
from wire.seams import FileClock, Seams, make_seams
from wire.server import serve
from wire.tls import TlsFiles

NAME = "fake"


@dataclass
class FakeCluster:
    """`seams` by component; every component is a server of its own with a clock of its own."""

    paths: Paths
    seams: dict[str, Seams]

    @property
    def name(self) -> str:
        return NAME


def make_certificates(directory: Path) -> None:
    pki.ensure(directory, pki.control_plane_subjects([]))


@asynccontextmanager
async def fake_cluster(home: Path, certificates: Path, components: Sequence[str]) -> AsyncIterator[FakeCluster]:
    """ORRERY_HOME must be `home`."""
    paths = Paths.of(NAME)
    assert paths.root.is_relative_to(home), "set ORRERY_HOME first"
    paths.root.mkdir(parents=True)
    paths.pki.symlink_to(certificates)
    cluster = FakeCluster(paths, {})
    ports = {"apiserver": 1}  # its HTTPS, which nobody serves here
    async with AsyncExitStack() as stack:
        for component in components:
            seams = make_seams(component, FileClock(paths.clock))
            tls = TlsFiles.in_directory(certificates, "scheduler")
            port = await stack.enter_async_context(serve("127.0.0.1:0", seams, tls))
            cluster.seams[component] = seams
            ports["apiserver-rpc" if component == "apiserver" else component] = port
        specs.save(ClusterSpec(NAME, 0, "sim", "for a test", 1, ports))
        write_state(paths, dict.fromkeys(components, 0))
        yield cluster


def write_state(paths: Paths, pids: dict[str, int]) -> None:
    """As the supervisor writes it; this process poses as the supervisor."""
    processes = [asdict(ProcessState(name, 1, str(paths.logs / name), pid)) for name, pid in pids.items()]
    paths.state.write_text(json.dumps({"supervisor": os.getpid(), "processes": processes}))
