"""The kube-proxy process, in the order in which its parts start."""

from __future__ import annotations

import asyncio
from pathlib import Path

from apimachinery.clock import Clock
from client.api import connect_api
from client.informer import InformerFactory
from kube_proxy.backends.backend import Backend
from kube_proxy.config import Config
from kube_proxy.proxier import Proxier
from wire.seams import load_clock, make_seams
from wire.server import serve
from wire.tls import TlsFiles


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Keep the node's rules until `stop` is set; they stay in force afterwards."""
    name = f"kube-proxy-{config.node_name}"
    seams = make_seams(name, clock or load_clock(config.clock_file))
    tls = TlsFiles.in_directory(config.pki_dir, name)
    backend = make_backend(config)
    async with (
        serve(config.debug_address, seams, tls),
        connect_api(config.apiserver, tls, seams, user_agent="kube-proxy") as api,
        asyncio.TaskGroup() as group,
    ):
        informers = InformerFactory(api, seams)
        proxier = Proxier(informers, backend, seams, config.node_name)
        following = group.create_task(informers.run())  # services and their endpoints, mirrored
        syncing = group.create_task(proxier.run())  # rules follow
        await stop.wait()
        following.cancel()
        syncing.cancel()


def make_backend(config: Config) -> Backend:
    """Raises ValueError for a backend that there is not."""
    if config.backend == "memory":
        from kube_proxy.backends.memory import MemoryBackend

        return MemoryBackend(config.node_ip)
    if config.backend == "nftables":
        from kube_proxy.backends.namespace import Namespace
        from kube_proxy.backends.nftables import NftablesBackend
        from kube_proxy.rules import Options

        options = Options(config.cluster_cidr, config.service_cidr, config.masquerade_all)
        return NftablesBackend(Namespace(Path(config.netns_file) if config.netns_file else None), options)
    raise ValueError(f"--backend {config.backend}: must be nftables or memory")
