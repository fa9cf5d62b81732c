"""The scheduler process, in the order in which its parts start."""

from __future__ import annotations

import asyncio
import random
import socket
import uuid

from api.apps import ReplicaSet, StatefulSet
from api.core import Namespace, ReplicationController
from api.node import Node
from api.pod import Pod
from api.service import Service
from apimachinery.clock import Clock
from client.api import ApiClient, connect_api
from client.informer import InformerFactory
from client.leader import LeaderElector
from client.recorder import EventRecorder
from scheduler.cache import Cache
from scheduler.config import Config
from scheduler.cycle import Scheduler
from scheduler.explain import Decisions
from scheduler.intake import Intake
from scheduler.plugins.table import PLUGINS, WEIGHTS
from scheduler.profile import make_profile
from scheduler.queue import SchedulingQueue
from scheduler.report import Reporter
from wire.seams import Seams, load_clock, make_seams
from wire.server import serve
from wire.tls import TlsFiles

LEASE = "kube-scheduler"


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Schedule until `stop` is set."""
    seams = make_seams("scheduler", clock or load_clock(config.clock_file))
    tls = TlsFiles.in_directory(config.pki_dir, "scheduler")
    async with (
        serve(config.debug_address, seams, tls),
        connect_api(config.apiserver, tls, seams, user_agent="kube-scheduler") as api,
        asyncio.TaskGroup() as group,
    ):
        working = group.create_task(schedule(config, api, seams))
        await stop.wait()
        working.cancel()


async def schedule(config: Config, api: ApiClient, seams: Seams) -> None:
    """Everything that runs on an open connection; never returns."""
    profile = make_profile(config.scheduler_name, [make(api) for make in PLUGINS.values()], WEIGHTS)
    cache = Cache(seams.clock)
    queue = SchedulingQueue(seams.clock, profile)
    recorder = EventRecorder(api, seams, config.scheduler_name)
    reporter = Reporter(api, recorder, seams.clock)
    scheduler = Scheduler(seams, profile, cache, queue, Decisions(), reporter, chooser=random.Random(config.seed))
    seams.explainers.append(scheduler.explain)
    informers = InformerFactory(api, seams)
    intake = Intake(cache, queue, config.scheduler_name)
    informers.get(Node).add_handler(intake.on_node)
    informers.get(Pod).add_handler(intake.on_pod)
    informers.get(Namespace).add_handler(intake.on_namespace)
    informers.get(Service).add_handler(intake.on_service)
    informers.get(ReplicaSet).add_handler(intake.on_controller)
    informers.get(StatefulSet).add_handler(intake.on_controller)
    informers.get(ReplicationController).add_handler(intake.on_controller)

    async def lead() -> None:
        await informers.wait_synced()
        await scheduler.run()

    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run())  # what there is, mirrored; a replica that does not lead follows along
        group.create_task(recorder.run())  # events out
        group.create_task(reporter.run())  # conditions out
        if config.leader_elect:
            identity = f"{socket.gethostname()}_{uuid.uuid4()}"
            group.create_task(LeaderElector(api, seams, LEASE, identity).run(lead))
        else:
            group.create_task(lead())
