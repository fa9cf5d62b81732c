"""The kubelet process: one kubelet, its runtime, its door for the apiserver."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from api.service import Service
from apimachinery.clock import Clock
from client.api import connect_api
from client.informer import Informer
from kubelet.config import Config, parse_labels, parse_taints
from kubelet.dns_config import parse_resolv_conf
from kubelet.kubelet import Kubelet, KubeletOptions
from kubelet.machine import read_machine
from kubelet.node import NodeSpec, capacity, labels
from kubelet.runtime import CriRuntime
from kubelet.volumes.host import HostFiles
from proto import kubelet_pb2, kubelet_pb2_grpc
from wire import server
from wire.channel import connect
from wire.seams import load_clock, make_seams
from wire.tls import TlsFiles

log = logging.getLogger(__name__)


async def run(config: Config, *, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """Run until `stop` is set. Containers live on; the next process finds them again."""
    seams = make_seams(f"kubelet-{config.node_name}", clock or load_clock(config.clock_file))
    tls = TlsFiles.in_directory(config.pki_dir, f"kubelet-{config.node_name}")
    options = make_options(config)
    async with (
        connect_api(config.apiserver, tls, seams, user_agent=f"kubelet/{config.node_name}") as api,
        connect(_socket_address(config.cri_socket), seams, None) as channel,
    ):
        services: Informer[Service] = Informer(api, Service, seams)
        kubelet = Kubelet(options, api, CriRuntime.over(channel, seams.clock), seams, services)
        name = kubelet_pb2.DESCRIPTOR.services_by_name["Kubelet"].full_name
        door = server.Service(name, lambda one: kubelet_pb2_grpc.add_KubeletServicer_to_server(kubelet.service, one))
        async with server.serve(config.serve_address, seams, tls, [door]):  # for the apiserver and the debugger
            log.info("kubelet of node %s serves on %s", config.node_name, config.serve_address)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(services.run()),  # what pods are told about Services
                    group.create_task(kubelet.run()),  # the kubelet itself
                ]
                await stop.wait()
                for task in tasks:
                    task.cancel()


def _socket_address(path: str) -> str:
    return f"unix:{Path(path).absolute()}"


def make_options(config: Config) -> KubeletOptions:
    """Flags and machine, as one kubelet sees them."""
    state_dir = config.state_dir.absolute()
    state_dir.mkdir(parents=True, exist_ok=True)
    machine = read_machine(state_dir)
    amounts = capacity(machine, cpu=config.cpu, memory=config.memory, pods=config.max_pods)
    spec = NodeSpec(
        name=config.node_name,
        ip=config.node_ip or config.serve_address.rpartition(":")[0],
        serve_address=config.serve_address,
        capacity=amounts,
        allocatable=amounts,
        labels=labels(config.node_name, machine.architecture, parse_labels(config.node_labels)),
        taints=parse_taints(config.register_with_taints),
    )
    resolv_conf = config.resolv_conf.read_text() if config.resolv_conf.exists() else ""
    hosts = Path("/etc/hosts")
    return KubeletOptions(
        spec=spec,
        machine=machine,
        state_dir=state_dir,
        log_root=(config.log_root or state_dir / "pod-logs").absolute(),
        cluster_dns=tuple(filter(None, config.cluster_dns.split(","))),
        cluster_domain=config.cluster_domain,
        node_resolver=parse_resolv_conf(resolv_conf),
        node_hosts=hosts.read_text() if hosts.exists() else "",
        host_files=HostFiles(config.host_mount_namespace),
    )
