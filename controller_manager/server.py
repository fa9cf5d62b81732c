"""The controller-manager process, in the order in which its parts start."""

from __future__ import annotations

import asyncio
import socket
import uuid

from apimachinery.clock import Clock
from client.api import ApiClient, connect_api
from client.leader import LeaderElector
from controller_manager.config import Config
from controller_manager.controllers.table import CONTROLLERS
from controller_manager.manager import run_controllers
from wire.seams import Seams, load_clock, make_seams
from wire.server import serve
from wire.tls import TlsFiles

LEASE = "kube-controller-manager"


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Run the controllers, whenever this replica leads, until `stop` is set."""
    seams = make_seams("controller-manager", clock or load_clock(config.clock_file))
    tls = TlsFiles.in_directory(config.pki_dir, "controller-manager")
    async with (
        serve(config.debug_address, seams, tls),  # health, reflection, channelz, Debug
        connect_api(config.apiserver, tls, seams, user_agent=LEASE) as api,
        asyncio.TaskGroup() as group,
    ):
        working = group.create_task(_lead(config, api, seams))
        await stop.wait()
        working.cancel()  # gives the lease back


async def _lead(config: Config, api: ApiClient, seams: Seams) -> None:
    async def lead() -> None:
        await run_controllers(config, api, seams, CONTROLLERS)

    if not config.leader_elect:
        await lead()
        return
    identity = f"{socket.gethostname()}_{uuid.uuid4()}"
    await LeaderElector(api, seams, LEASE, identity).run(lead)
