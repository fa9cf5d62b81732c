"""The cluster DNS process, in the order in which its parts start."""

from __future__ import annotations

import asyncio
import logging

from apimachinery.clock import Clock
from client.api import connect_api
from client.informer import InformerFactory
from dns.config import Config
from dns.forward import Forwarder, upstreams
from dns.listener import Listener
from dns.resolver import Resolver
from dns.service import NameService
from dns.zone import InformerZone
from wire.seams import load_clock, make_seams
from wire.server import serve
from wire.tls import TlsFiles

_log = logging.getLogger(__name__)


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Answer until `stop` is set. While the apiserver is away, what was seen last is served."""
    seams = make_seams("dns", clock or load_clock(config.clock_file))
    tls = TlsFiles.in_directory(config.pki_dir, "dns")
    async with (
        serve(config.debug_address, seams, tls),
        connect_api(config.apiserver, tls, seams, user_agent="dns") as api,
        asyncio.TaskGroup() as group,
    ):
        informers = InformerFactory(api, seams)
        zone = InformerZone(informers)
        service = NameService(
            Resolver(config.cluster_domain, zone), make_forwarder(config), lambda: zone.synced, seams.clock
        )
        tasks = [group.create_task(informers.run())]  # namespaces, services and endpoints, mirrored
        for address in config.listen:
            tasks.append(group.create_task(Listener(address, service, seams.clock).run()))
        await stop.wait()
        for task in tasks:
            task.cancel()


def make_forwarder(config: Config) -> Forwarder:
    own = {address.rpartition(":")[0] for address in config.listen}
    servers = upstreams(config.resolv_conf, own)
    if not servers:
        _log.info("%s names no resolver: names outside %s are refused", config.resolv_conf, config.cluster_domain)
    return Forwarder(servers)
