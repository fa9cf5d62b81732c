"""Carrying out one probe: exec through the runtime, HTTP, TCP and gRPC from here to the pod's address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from api.container import Container, HTTPGetAction, Probe, TCPSocketAction
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from kubelet.http_get import HttpFailed, action_url, get, resolve_port
from kubelet.runtime import CriRuntime


class Outcome(NamedTuple):
    """Passed or not, None if that cannot be told; and what the probe's answer was."""

    ok: bool | None
    message: str = ""


SIMULATED_PROBE = "orrery-probe"
"""The command a simulated runtime is asked to run in place of a probe over its network, which is not there."""


@dataclass(frozen=True, slots=True)
class Target:
    """One running container and where to reach it. `simulated`: its address leads nowhere."""

    container: Container
    container_id: str
    pod_ip: str
    simulated: bool = False


async def run_probe(probe: Probe, target: Target, runtime: CriRuntime, clock: Clock) -> Outcome:
    """Never raises but on cancellation. Where nobody answers for the container the probe has failed; what says nothing
    of the container, as a runtime that is down, has no result: it must not cost a container its life."""
    timeout = float(max(1, probe.timeout_seconds))
    try:
        async with clock.timeout(timeout, f"probe of {target.container.name}"):
            if probe.exec is not None:
                return await _exec(list(probe.exec.command), target, runtime, timeout)
            if target.simulated:
                return await _exec([SIMULATED_PROBE, *_simulated(probe, target)], target, runtime, timeout)
            if probe.http_get is not None:
                return await _http(probe.http_get, target)
            if probe.tcp_socket is not None:
                return await _tcp(probe.tcp_socket, target)
            if probe.grpc is not None:
                return await _grpc(probe.grpc.port, probe.grpc.service, target)
    except TimeoutError:
        return Outcome(False, _timed_out(probe, target, timeout))
    except HttpFailed as error:
        return Outcome(False, str(error))
    except ApiError as error:
        return Outcome(False if error.reason == "Timeout" else None, error.message)
    except ValueError as error:
        return Outcome(None, str(error))
    return Outcome(False, "probe has no handler that this kubelet knows (exec, httpGet, tcpSocket, grpc)")


def _timed_out(probe: Probe, target: Target, timeout: float) -> str:
    if probe.exec is not None:
        return f"command timed out: {' '.join(probe.exec.command)!r} timed out after {int(timeout)}s"
    if probe.http_get is not None:
        url = action_url(probe.http_get, target.container, target.pod_ip)
        return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    if probe.grpc is not None:
        return f'timeout: failed to connect service "{target.pod_ip}:{probe.grpc.port}" within {int(timeout)}s'
    return f"dial tcp {target.pod_ip}: i/o timeout"


def _simulated(probe: Probe, target: Target) -> list[str]:
    if probe.http_get is not None:
        return ["http", action_url(probe.http_get, target.container, target.pod_ip)]
    if probe.tcp_socket is not None:
        return ["tcp", f"{target.pod_ip}:{resolve_port(probe.tcp_socket.port, target.container)}"]
    return ["grpc", f"{target.pod_ip}:{probe.grpc.port if probe.grpc else 0}"]


async def _exec(command: list[str], target: Target, runtime: CriRuntime, timeout: float) -> Outcome:
    answer = await runtime.exec_sync(target.container_id, command, timeout)
    output = (answer.stdout + answer.stderr).decode(errors="replace")
    return Outcome(answer.exit_code == 0, output)


async def _http(action: HTTPGetAction, target: Target) -> Outcome:
    url = action_url(action, target.container, target.pod_ip)
    answer = await get(url, [(one.name, one.value) for one in action.http_headers])
    if 200 <= answer.status < 400:
        return Outcome(True, answer.body.decode(errors="replace"))
    return Outcome(False, f"HTTP probe failed with statuscode: {answer.status}")


async def _tcp(action: TCPSocketAction, target: Target) -> Outcome:
    host, port = action.host or target.pod_ip, resolve_port(action.port, target.container)
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        words = "connect: connection refused" if refused else str(error.strerror or error).lower()
        return Outcome(False, f"dial tcp {host}:{port}: {words}")
    writer.close()
    return Outcome(True)


async def _grpc(port: int, service: str, target: Target) -> Outcome:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"{target.pod_ip}:{port}", options=options) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
        except grpc.aio.AioRpcError as error:
            return Outcome(False, f"error: health rpc failed: rpc error: {error.code().name}: {error.details()}")
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return Outcome(serving, f'service {"healthy" if serving else "unhealthy"} (responded with "{state}")')
