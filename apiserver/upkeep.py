"""What an apiserver does besides answering: bootstrap, compaction, expiry, the `kubernetes` Service."""

from __future__ import annotations

import asyncio

from apiserver.assembly import ApiServer
from apiserver.bootstrap import KubernetesService, bootstrap
from apiserver.config import Config
from apiserver.expiry import expire_events
from apiserver.registry.request import JSON
from apiserver.storage.compaction import compact_forever


async def upkeep(config: Config, server: ApiServer, secure_port: int, policy: list[JSON]) -> None:
    """For ever. Sets `server.bootstrapped` once all that must exist does."""
    await server.cacher.ready.wait()
    clock = server.seams.clock
    port = config.advertise_port or secure_port
    service = KubernetesService(server.objects, clock, config.service_cidr, config.advertise_address, port)
    async with asyncio.TaskGroup() as group:
        group.create_task(compact_forever(server.etcd, clock), name="compaction")
        group.create_task(expire_events(server.cacher, server.objects, clock), name="expiry of Events")
        await bootstrap(server.objects, policy)
        server.bootstrapped.set()
        group.create_task(service.run(), name="kubernetes Service")
