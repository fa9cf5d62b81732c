"""What a runtime knows of its sandboxes and containers: immutable records. Times are Unix nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from proto import cri_pb2 as pb


class State(IntEnum):
    """As `runtime.v1.ContainerState`."""

    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


class EventType(IntEnum):
    """As `runtime.v1.ContainerEventType`."""

    CREATED = 0
    STARTED = 1
    STOPPED = 2
    DELETED = 3


class Namespaces(NamedTuple):
    """`runtime.v1.NamespaceMode` numbers: POD 0, CONTAINER 1, NODE 2, TARGET 3."""

    network: int = 0
    pid: int = 1
    ipc: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A pod's shared namespaces."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int = 0
    ready: bool = True
    created_at: int = 0
    ip: str = ""
    hostname: str = ""
    log_directory: str = ""
    runtime_handler: str = ""
    namespaces: Namespaces = field(default_factory=Namespaces)
    ports: tuple[pb.PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a sandbox, in whatever state."""

    id: str
    sandbox_id: str
    name: str
    attempt: int = 0
    image: str = ""
    """As the pod's spec has it."""
    image_id: str = ""
    state: State = State.CREATED
    created_at: int = 0
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    log_path: str = ""
    """Absolute, or empty if nobody wants the log."""
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[pb.Mount, ...] = ()
    resources: pb.LinuxContainerResources | None = None


class Event(NamedTuple):
    """Something happened to a container, or to a sandbox (then both ids are the same)."""

    type: EventType
    container_id: str
    sandbox_id: str
    created_at: int


class Usage(NamedTuple):
    """What a container uses at `timestamp`."""

    container_id: str
    timestamp: int
    cpu_nano_seconds: int = 0
    memory_working_set_bytes: int = 0
    memory_usage_bytes: int = 0
    memory_rss_bytes: int = 0
    memory_available_bytes: int = 0
    page_faults: int = 0
    major_page_faults: int = 0
    process_count: int = 0


class NetworkUsage(NamedTuple):
    rx_bytes: int = 0
    rx_errors: int = 0
    tx_bytes: int = 0
    tx_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    user: str = ""
    """`USER` of the image: a name, a number, or empty for root."""
    stop_signal: str = ""


class Condition(NamedTuple):
    ok: bool
    reason: str = ""
    message: str = ""


def exit_reason(exit_code: int, oom_killed: bool) -> str:
    """Why a container ended, in the words that the kubelet passes on."""
    if oom_killed:
        return "OOMKilled"
    return "Completed" if exit_code == 0 else "Error"


START_ERROR = "StartError"
START_ERROR_CODE = 128
"""What a container that could not be started reports, as containerd has it."""
