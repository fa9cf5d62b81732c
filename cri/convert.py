"""Records as CRI messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cri.records import Condition, Container, ImageRecord, NetworkUsage, Sandbox, Usage
from proto import cri_pb2 as pb


def sandbox_metadata(sandbox: Sandbox) -> pb.PodSandboxMetadata:
    return pb.PodSandboxMetadata(
        name=sandbox.name, uid=sandbox.uid, namespace=sandbox.namespace, attempt=sandbox.attempt
    )


def sandbox_state(sandbox: Sandbox) -> pb.PodSandboxState:
    return pb.PodSandboxState.SANDBOX_READY if sandbox.ready else pb.PodSandboxState.SANDBOX_NOTREADY


def sandbox_item(sandbox: Sandbox) -> pb.PodSandbox:
    return pb.PodSandbox(
        id=sandbox.id,
        metadata=sandbox_metadata(sandbox),
        state=sandbox_state(sandbox),
        created_at=sandbox.created_at,
        labels=sandbox.labels,
        annotations=sandbox.annotations,
        runtime_handler=sandbox.runtime_handler,
    )


def sandbox_status(sandbox: Sandbox) -> pb.PodSandboxStatus:
    network, pid, ipc = (pb.NamespaceMode.Name(mode) for mode in sandbox.namespaces)
    return pb.PodSandboxStatus(
        id=sandbox.id,
        metadata=sandbox_metadata(sandbox),
        state=sandbox_state(sandbox),
        created_at=sandbox.created_at,
        network=pb.PodSandboxNetworkStatus(ip=sandbox.ip),
        linux=pb.LinuxPodSandboxStatus(
            namespaces=pb.Namespace(options=pb.NamespaceOption(network=network, pid=pid, ipc=ipc))
        ),
        labels=sandbox.labels,
        annotations=sandbox.annotations,
        runtime_handler=sandbox.runtime_handler,
    )


def container_item(container: Container) -> pb.Container:
    return pb.Container(
        id=container.id,
        pod_sandbox_id=container.sandbox_id,
        metadata=pb.ContainerMetadata(name=container.name, attempt=container.attempt),
        image=pb.ImageSpec(image=container.image),
        image_ref=container.image_id,
        image_id=container.image_id,
        state=pb.ContainerState.Name(container.state),
        created_at=container.created_at,
        labels=container.labels,
        annotations=container.annotations,
    )


def container_status(container: Container) -> pb.ContainerStatus:
    resources = pb.ContainerResources(linux=container.resources) if container.resources is not None else None
    return pb.ContainerStatus(
        id=container.id,
        metadata=pb.ContainerMetadata(name=container.name, attempt=container.attempt),
        state=pb.ContainerState.Name(container.state),
        created_at=container.created_at,
        started_at=container.started_at,
        finished_at=container.finished_at,
        exit_code=container.exit_code,
        image=pb.ImageSpec(image=container.image),
        image_ref=container.image_id,
        image_id=container.image_id,
        reason=container.reason,
        message=container.message,
        labels=container.labels,
        annotations=container.annotations,
        mounts=container.mounts,
        log_path=container.log_path,
        resources=resources,
    )


def container_stats(container: Container, usage: Usage | None) -> pb.ContainerStats:
    """`usage` is None for a container that does not run."""
    stats = pb.ContainerStats(
        attributes=pb.ContainerAttributes(
            id=container.id,
            metadata=pb.ContainerMetadata(name=container.name, attempt=container.attempt),
            labels=container.labels,
            annotations=container.annotations,
        )
    )
    if usage is not None:
        stats.cpu.CopyFrom(_cpu(usage.timestamp, usage.cpu_nano_seconds))
        stats.memory.CopyFrom(_memory([usage]))
    return stats


def sandbox_stats(
    sandbox: Sandbox, containers: list[tuple[Container, Usage | None]], network: NetworkUsage, now: int
) -> pb.PodSandboxStats:
    """A pod uses what its containers use together."""
    usages = [usage for _, usage in containers if usage is not None]
    linux = pb.LinuxPodSandboxStats(
        containers=[container_stats(container, usage) for container, usage in containers],
        network=pb.NetworkUsage(timestamp=now, default_interface=_interface(network)),
        process=pb.ProcessUsage(timestamp=now, process_count=_number(sum(one.process_count for one in usages))),
    )
    if usages:
        linux.cpu.CopyFrom(_cpu(now, sum(one.cpu_nano_seconds for one in usages)))
        linux.memory.CopyFrom(_memory(usages))
    attributes = pb.PodSandboxAttributes(
        id=sandbox.id, metadata=sandbox_metadata(sandbox), labels=sandbox.labels, annotations=sandbox.annotations
    )
    return pb.PodSandboxStats(attributes=attributes, linux=linux)


def _number(value: int) -> pb.UInt64Value:
    return pb.UInt64Value(value=value)


def _cpu(timestamp: int, nano_seconds: int) -> pb.CpuUsage:
    return pb.CpuUsage(timestamp=timestamp, usage_core_nano_seconds=_number(nano_seconds))


def _memory(usages: list[Usage]) -> pb.MemoryUsage:
    return pb.MemoryUsage(
        timestamp=max(one.timestamp for one in usages),
        working_set_bytes=_number(sum(one.memory_working_set_bytes for one in usages)),
        usage_bytes=_number(sum(one.memory_usage_bytes for one in usages)),
        rss_bytes=_number(sum(one.memory_rss_bytes for one in usages)),
        available_bytes=_number(sum(one.memory_available_bytes for one in usages)),
        page_faults=_number(sum(one.page_faults for one in usages)),
        major_page_faults=_number(sum(one.major_page_faults for one in usages)),
    )


def _interface(network: NetworkUsage) -> pb.NetworkInterfaceUsage:
    return pb.NetworkInterfaceUsage(
        name="eth0",
        rx_bytes=_number(network.rx_bytes),
        rx_errors=_number(network.rx_errors),
        tx_bytes=_number(network.tx_bytes),
        tx_errors=_number(network.tx_errors),
    )


def image_message(image: ImageRecord) -> pb.Image:
    message = pb.Image(
        id=image.id,
        repo_tags=image.tags,
        repo_digests=image.digests,
        size=image.size,
        spec=pb.ImageSpec(image=image.tags[0] if image.tags else image.id),
    )
    user = image.user.partition(":")[0]
    if user.isdigit() or not user:
        message.uid.value = int(user or 0)
    else:
        message.username = user
    return message


def runtime_status(runtime: Condition, network: Condition) -> pb.RuntimeStatus:
    return pb.RuntimeStatus(
        conditions=[
            pb.RuntimeCondition(type=name, status=one.ok, reason=one.reason, message=one.message)
            for name, one in (("RuntimeReady", runtime), ("NetworkReady", network))
        ]
    )


def matches_labels(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
