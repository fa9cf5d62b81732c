"""The apiserver process: what starts, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from apimachinery.clock import Clock
from apiserver.assembly import ApiServer
from apiserver.config import Config
from apiserver.handlers.admission.chain import build_chain
from apiserver.handlers.rbac.bootstrap import bootstrap_policy
from apiserver.http.app import HttpApp
from apiserver.http.server import serve_https
from apiserver.registry import tables
from apiserver.rpc.etcd_view import etcd_view_service
from apiserver.rpc.service import api_service
from apiserver.storage.etcd import connect_etcd
from apiserver.upkeep import upkeep
from wire.seams import load_clock, make_seams
from wire.server import serve
from wire.tls import TlsFiles

log = logging.getLogger(__name__)


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Run until `stop` is set. etcd may come later, and may go and come back."""
    seams = make_seams("apiserver", clock or load_clock(config.clock_file))
    etcd_tls = TlsFiles.in_directory(config.pki_dir, "apiserver-etcd-client")
    async with AsyncExitStack() as stack:
        # 1. etcd, and everything of ours put together on top of it.
        etcd = await stack.enter_async_context(connect_etcd(config.etcd, seams, etcd_tls))
        server = ApiServer(config, etcd, seams, build_chain)
        # 2. The cache begins to fill.
        await stack.enter_async_context(_background(server.cacher.run(), server.alarms.run()))
        # 3. The front doors. They answer 503 until the cache is filled, and so can be asked for their health.
        port = await stack.enter_async_context(_front_doors(config, server))
        # 4. What needs the cache: the objects that every cluster has, and upkeep.
        await stack.enter_async_context(_background(upkeep(config, server, port, bootstrap_policy())))
        log.info("REST on %s, gRPC on %s, etcd at %s", config.secure_address, config.rpc_address, config.etcd)
        await stop.wait()


@asynccontextmanager
async def _front_doors(config: Config, server: ApiServer) -> AsyncIterator[int]:
    """Serve gRPC and REST for the body's time. Gives the port of REST."""
    tls = TlsFiles.in_directory(config.pki_dir, "apiserver")
    app = HttpApp(
        pipeline=server.pipeline,
        authenticator=server.authenticator,
        resources=server.resources,
        schema=server.schemas,
        tables=tables,
        reader=server.objects,
        seams=server.seams,
        config=config,
        checks={"etcd": server.check_etcd},
        readiness={"informer-sync": server.check_cache, "poststarthook/bootstrap": server.check_bootstrap},
    )
    view = etcd_view_service(server.etcd, server.cacher, server.seams.tracer)
    services = [api_service(server.pipeline, server.seams), view]
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(serve(config.rpc_address, server.seams, tls, services))
            port = await stack.enter_async_context(serve_https(config.secure_address, app, tls))
            if config.pod_address:
                await stack.enter_async_context(serve_https(config.pod_address, app, tls))
            yield port
    finally:
        await app.close()


@asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run things that never end, until the body is through. If one fails, the body is cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
