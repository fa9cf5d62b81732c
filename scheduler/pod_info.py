"""A pod as scheduling sees it: what it asks for, computed once.

Requests: KEP-753 (sidecars), KEP-2837 (pod-level resources), API documentation "Pod Overhead". A pod needs the larger
of what its containers need together and what each init container needs beside the sidecars started before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from api.container import Container
from api.pod import Pod
from apimachinery import quantity
from scheduler.limits import DEFAULT_MEMORY_BYTES, DEFAULT_MILLI_CPU
from scheduler.pod_terms import NO_TERMS, PodTerms, pod_terms

Requests = dict[str, int]
"""Milli-CPU under `cpu`, whole units under every other resource name."""

_ANY_ADDRESS = "0.0.0.0"


class HostPort(NamedTuple):
    protocol: str
    port: int
    ip: str

    def conflicts(self, other: HostPort) -> bool:
        same = self.protocol == other.protocol and self.port == other.port
        return same and (self.ip == other.ip or _ANY_ADDRESS in (self.ip, other.ip))


@dataclass(frozen=True, slots=True)
class PodInfo:
    pod: Pod
    requests: Requests
    nonzero: tuple[int, int]
    """Milli-CPU and memory bytes that scoring counts: containers that request nothing count a little."""
    host_ports: tuple[HostPort, ...]
    terms: PodTerms = NO_TERMS
    """Which other pods it wants near or far."""

    @property
    def key(self) -> str:
        return self.pod.key

    @property
    def uid(self) -> str:
        return self.pod.uid

    @property
    def priority(self) -> int:
        return self.pod.spec.priority or 0


def pod_info(pod: Pod) -> PodInfo:
    scored = _pod_requests(pod, {"cpu": DEFAULT_MILLI_CPU, "memory": DEFAULT_MEMORY_BYTES})
    nonzero = (scored.get("cpu", 0), scored.get("memory", 0))
    return PodInfo(pod, _pod_requests(pod, {}), nonzero, _host_ports(pod), pod_terms(pod))


def parse_resources(amounts: Mapping[str, str | int | float]) -> Requests:
    """Quantities to integers: milli-units of `cpu`, whole units of everything else."""
    return {
        name: quantity.to_milli(amount) if name == "cpu" else quantity.to_int(amount)
        for name, amount in amounts.items()
    }


def _pod_requests(pod: Pod, missing: Requests) -> Requests:
    spec = pod.spec
    total = _containers_requests(spec.containers, spec.init_containers, missing)
    if spec.resources is not None:
        # Pod-level requests stand in for the sum, for those resources that they name.
        total.update(parse_resources(spec.resources.requests))
    _add(total, parse_resources(spec.overhead))
    return {name: amount for name, amount in total.items() if amount}


def _containers_requests(containers: Iterable[Container], init: Iterable[Container], missing: Requests) -> Requests:
    total: Requests = {}
    for container in containers:
        _add(total, _container_requests(container, missing))
    sidecars: Requests = {}
    peak: Requests = {}
    for container in init:
        needed = _container_requests(container, missing)
        if container.restart_policy == "Always":
            _add(sidecars, needed)
            _add(total, needed)
            needed = dict(sidecars)
        else:
            _add(needed, sidecars)
        _raise_to(peak, needed)
    _raise_to(total, peak)
    return total


def _container_requests(container: Container, missing: Requests) -> Requests:
    return {**missing, **parse_resources(container.resources.requests)}


def _add(total: Requests, more: Requests) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Requests, at_least: Requests) -> None:
    for name, amount in at_least.items():
        total[name] = max(total.get(name, 0), amount)


def _host_ports(pod: Pod) -> tuple[HostPort, ...]:
    sidecars = [one for one in pod.spec.init_containers if one.restart_policy == "Always"]
    return tuple(
        HostPort(port.protocol or "TCP", port.host_port, port.host_ip or _ANY_ADDRESS)
        for container in (*pod.spec.containers, *sidecars)
        for port in container.ports
        if port.host_port
    )
