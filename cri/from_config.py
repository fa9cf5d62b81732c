"""Records of what a kubelet asked for. Pure."""

from __future__ import annotations

from pathlib import Path

from cri.records import Container, Namespaces, Sandbox
from proto import cri_pb2 as pb


def container_name(sandbox: Sandbox, name: str, attempt: int) -> str:
    """Unique per attempt: two of one name are two kubelets' quarrel, and the second is refused."""
    return f"k8s_{name}_{sandbox.name}_{sandbox.namespace}_{sandbox.uid}_{attempt}"


def sandbox_record(sandbox_id: str, config: pb.PodSandboxConfig, handler: str) -> Sandbox:
    options = config.linux.security_context.namespace_options
    return Sandbox(
        id=sandbox_id,
        name=config.metadata.name,
        namespace=config.metadata.namespace,
        uid=config.metadata.uid,
        attempt=config.metadata.attempt,
        hostname=config.hostname,
        log_directory=config.log_directory,
        runtime_handler=handler,
        ports=tuple(config.port_mappings),
        namespaces=Namespaces(int(options.network), int(options.pid), int(options.ipc)),
        labels=dict(config.labels),
        annotations=dict(config.annotations),
    )


def container_record(
    container_id: str, sandbox: Sandbox, config: pb.ContainerConfig, image_id: str, log_root: Path
) -> Container:
    return Container(
        id=container_id,
        sandbox_id=sandbox.id,
        name=config.metadata.name,
        attempt=config.metadata.attempt,
        image=config.image.user_specified_image or config.image.image,
        image_id=image_id,
        log_path=log_path(log_root, sandbox.log_directory, config.log_path),
        tty=config.tty,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        stop_signal=signal_name(config.stop_signal),
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        mounts=tuple(config.mounts),
        resources=config.linux.resources if config.linux.HasField("resources") else None,
    )


def log_path(root: Path, directory: str, path: str) -> str:
    """Empty if the kubelet wants no log. A relative directory starts at the runtime's root."""
    return str(root / directory / path) if path else ""


def signal_name(signal: int) -> str:
    """`SIGTERM`; empty for the runtime's default."""
    name = str(pb.Signal.Name(signal)).removeprefix("SIGNAL_")
    if name == "RUNTIME_DEFAULT":
        return ""
    return name.replace("PLUS", "+").replace("MINUS", "-")
