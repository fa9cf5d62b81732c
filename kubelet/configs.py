"""Pods and containers as CRI configurations. Pure, but for the files whose paths are given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from api.container import Container, VolumeMount
from api.pod import Pod
from kubelet.dns_config import Resolver, to_message
from kubelet.expansion import expand
from kubelet.hosts import sandbox_hostname
from kubelet.pods import Kind, grace_seconds, mount_of
from kubelet.resources import linux_resources
from kubelet.runtime import (
    CONTAINER_HASH,
    CONTAINER_NAME,
    MESSAGE_FILE,
    MESSAGE_PATH,
    MESSAGE_POLICY,
    POD_GRACE,
    POD_NAME,
    POD_NAMESPACE,
    POD_UID,
    RESTART_COUNT,
)
from kubelet.security import container_security, sandbox_security
from kubelet.volumes import sub_path
from kubelet.volumes.base import VolumeError
from proto import cri_pb2 as pb

HOSTS_PATH = "/etc/hosts"

_PROTOCOLS = {"TCP": pb.TCP, "UDP": pb.UDP, "SCTP": pb.SCTP}
_PROPAGATION = {
    "HostToContainer": pb.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}


class MountMissing(Exception):
    """A container mounts what its pod does not have."""


@dataclass(frozen=True, slots=True)
class NodePlaces:
    """What of the node goes into every configuration."""

    name: str
    log_root: Path
    cluster_domain: str
    memory_bytes: int


def log_directory(node: NodePlaces, pod: Pod) -> str:
    """Where log shippers look: `NAMESPACE_NAME_UID`, below it `CONTAINER/ATTEMPT.log`."""
    return str(node.log_root / f"{pod.namespace}_{pod.name}_{pod.uid}")


def spec_hash(container: Container) -> str:
    """What must not change under a running container. Only the image can, through the API."""
    return hashlib.sha256(f"{container.name}\0{container.image}".encode()).hexdigest()[:8]


def sandbox_config(pod: Pod, attempt: int, resolver: Resolver, node: NodePlaces) -> pb.PodSandboxConfig:
    context = pod.spec.security_context
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name=pod.name, uid=pod.uid, namespace=pod.namespace, attempt=attempt),
        hostname=sandbox_hostname(pod, node.cluster_domain, node.name),
        log_directory=log_directory(node, pod),
        dns_config=to_message(resolver),
        port_mappings=_port_mappings(pod),
        labels={**pod.metadata.labels, **_identity(pod)},
        annotations=pod.metadata.annotations,
        linux=pb.LinuxPodSandboxConfig(
            security_context=sandbox_security(pod),
            sysctls={one.name: one.value for one in context.sysctls} if context else {},
        ),
    )


def _port_mappings(pod: Pod) -> list[pb.PortMapping]:
    if pod.spec.host_network:
        return []
    return [
        pb.PortMapping(
            protocol=_PROTOCOLS.get(port.protocol, pb.TCP),
            container_port=port.container_port,
            host_port=port.host_port,
            host_ip=port.host_ip,
        )
        for container in (*pod.spec.init_containers, *pod.spec.containers)
        for port in container.ports
    ]


def _identity(pod: Pod) -> dict[str, str]:
    return {POD_NAME: pod.name, POD_NAMESPACE: pod.namespace, POD_UID: pod.uid}


@dataclass(frozen=True, slots=True)
class ContainerInputs:
    """What a container is made from besides its spec."""

    attempt: int
    env: Mapping[str, str]
    volumes: Mapping[str, Path]
    image: pb.Image | None
    hosts_file: Path | None = None
    message_file: Path | None = None
    target_container_id: str = ""
    sub_path: Callable[[Path, str], Path] = sub_path.resolve


def container_config(
    pod: Pod, kind: Kind, container: Container, given: ContainerInputs, node: NodePlaces
) -> pb.ContainerConfig:
    """Raises MountMissing, VolumeError (a bad subPath) or NonRootViolation."""
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=container.name, attempt=given.attempt),
        image=pb.ImageSpec(image=container.image, user_specified_image=container.image),
        command=[expand(word, given.env) for word in container.command],
        args=[expand(word, given.env) for word in container.args],
        working_dir=container.working_dir,
        envs=[pb.KeyValue(key=name, value=value.encode()) for name, value in given.env.items()],
        mounts=[*_volume_mounts(container, given), *_managed_mounts(container, given)],
        labels={**_identity(pod), CONTAINER_NAME: container.name},
        annotations=_annotations(pod, container, given),
        log_path=f"{container.name}/{given.attempt}.log",
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        tty=container.tty,
        stop_signal=_stop_signal(container),
        linux=pb.LinuxContainerConfig(
            resources=linux_resources(pod, container, node.memory_bytes),
            security_context=container_security(pod, container, given.image, given.target_container_id),
        ),
    )


def _stop_signal(container: Container) -> pb.Signal:
    name = container.lifecycle.stop_signal if container.lifecycle else ""
    return pb.Signal.Value(f"SIGNAL_{name}") if name else pb.SIGNAL_RUNTIME_DEFAULT


def _annotations(pod: Pod, container: Container, given: ContainerInputs) -> dict[str, str]:
    found = {
        CONTAINER_HASH: spec_hash(container),
        RESTART_COUNT: str(given.attempt),
        MESSAGE_PATH: container.termination_message_path,
        MESSAGE_POLICY: container.termination_message_policy,
        POD_GRACE: str(grace_seconds(pod)),
    }
    if given.message_file is not None:
        found[MESSAGE_FILE] = str(given.message_file)
    return found


def _volume_mounts(container: Container, given: ContainerInputs) -> list[pb.Mount]:
    return [_mount(one, given) for one in container.volume_mounts]


def _mount(mount: VolumeMount, given: ContainerInputs) -> pb.Mount:
    volume = given.volumes.get(mount.name)
    if volume is None:
        raise MountMissing(f'cannot find volume "{mount.name}" to mount into container')
    inside = expand(mount.sub_path_expr, given.env) if mount.sub_path_expr else mount.sub_path
    if "$(" in inside and mount.sub_path_expr:
        raise VolumeError(f'subPathExpr "{mount.sub_path_expr}" names a variable that is not set')
    path = given.sub_path(volume, inside) if inside else volume
    return pb.Mount(
        container_path=_absolute(mount.mount_path),
        host_path=str(path),
        readonly=mount.read_only,
        recursive_read_only=mount.recursive_read_only == "Enabled",
        propagation=_PROPAGATION.get(mount.mount_propagation, pb.PROPAGATION_PRIVATE),
    )


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _managed_mounts(container: Container, given: ContainerInputs) -> list[pb.Mount]:
    mounts: list[pb.Mount] = []
    if given.hosts_file is not None and mount_of(container, HOSTS_PATH) is None:
        mounts.append(pb.Mount(container_path=HOSTS_PATH, host_path=str(given.hosts_file)))
    if given.message_file is not None and container.termination_message_path:
        path = container.termination_message_path
        mounts.append(pb.Mount(container_path=path, host_path=str(given.message_file)))
    return mounts
