"""Who a Docker container is: names and labels, and records from labels and inspection. Pure.

The label `orrery.config` holds the CRI config that the kubelet sent, without environment and command, which Docker
keeps itself. The readable labels beside it are for people and for filters.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cri.from_config import container_record, sandbox_record
from cri.records import START_ERROR, START_ERROR_CODE, Container, Sandbox, State, exit_reason
from proto import cri_pb2 as pb

CLUSTER: Final = "orrery.cluster"
NODE: Final = "orrery.node"
KIND: Final = "orrery.kind"
SANDBOX: Final = "orrery.sandbox"
CONFIG: Final = "orrery.config"
IP: Final = "orrery.ip"
HANDLER: Final = "orrery.runtime-handler"
IMAGE_ID: Final = "orrery.image-id"
STOP_SIGNAL: Final = "orrery.stop-signal"
CREATED: Final = "orrery.created-at"

KIND_SANDBOX: Final = "sandbox"
KIND_CONTAINER: Final = "container"
KIND_NODE: Final = "node"

NEVER_STARTED: Final = "created"
"""A container's status, as the engine calls it."""

_READABLE = ("io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid")


def sandbox_name(of: pb.PodSandboxMetadata | Sandbox) -> str:
    return f"k8s_POD_{of.name}_{of.namespace}_{of.uid}_{of.attempt}"


def sandbox_labels(
    config: pb.PodSandboxConfig, owner: Mapping[str, str], ip: str, handler: str, now: int
) -> dict[str, str]:
    meta = config.metadata
    readable = dict(zip(_READABLE, (meta.name, meta.namespace, meta.uid), strict=True))
    own = {KIND: KIND_SANDBOX, IP: ip, HANDLER: handler, CREATED: str(now), CONFIG: _encode(config)}
    return {**readable, **owner, **own}


def container_labels(
    config: pb.ContainerConfig, record: Container, sandbox: Sandbox, owner: Mapping[str, str]
) -> dict[str, str]:
    readable = dict(zip(_READABLE, (sandbox.name, sandbox.namespace, sandbox.uid), strict=True))
    readable["io.kubernetes.container.name"] = config.metadata.name
    readable["io.kubernetes.container.attempt"] = str(config.metadata.attempt)
    kept = pb.ContainerConfig()
    kept.CopyFrom(config)
    for field in ("envs", "command", "args"):
        kept.ClearField(field)
    own = {KIND: KIND_CONTAINER, SANDBOX: sandbox.id, IMAGE_ID: record.image_id, CONFIG: _encode(kept)}
    own[CREATED] = str(record.created_at)
    if record.stop_signal:
        own[STOP_SIGNAL] = record.stop_signal
    return {**readable, **owner, **own}


def sandbox_of_labels(sandbox_id: str, labels: Mapping[str, str]) -> Sandbox:
    config = pb.PodSandboxConfig.FromString(base64.b64decode(labels[CONFIG]))
    record = sandbox_record(sandbox_id, config, labels.get(HANDLER, ""))
    return replace(record, ip=labels.get(IP, ""), ready=False, created_at=int(labels[CREATED]))


def container_of_labels(container_id: str, labels: Mapping[str, str], sandbox: Sandbox, log_root: Path) -> Container:
    config = pb.ContainerConfig.FromString(base64.b64decode(labels[CONFIG]))
    record = container_record(container_id, sandbox, config, labels.get(IMAGE_ID, ""), log_root)
    return replace(record, stop_signal=labels.get(STOP_SIGNAL, ""), created_at=int(labels[CREATED]))


def inspected_sandbox(found: Mapping[str, Any]) -> Sandbox:
    """From what `inspect` says."""
    record = sandbox_of_labels(found["Id"], found["Config"]["Labels"])
    return replace(record, ready=bool(found["State"]["Running"]))


def inspected_container(found: Mapping[str, Any], sandbox: Sandbox, log_root: Path) -> Container:
    """Its times are the engine's, but for `created_at`, which a label keeps."""
    record = container_of_labels(found["Id"], found["Config"]["Labels"], sandbox, log_root)
    return replace(record, **_state(found["State"]))


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["Status"] in ("running", "paused", "restarting", "removing"):
        return {"state": State.RUNNING, "started_at": nanoseconds(state["StartedAt"])}
    ended = {"finished_at": nanoseconds(state["FinishedAt"]), "started_at": nanoseconds(state["StartedAt"])}
    if state["Status"] == NEVER_STARTED:
        if not state.get("Error"):
            return {"state": State.CREATED}
        return {"state": State.EXITED, **start_failure(state["Error"])}
    code = int(state["ExitCode"])
    reason = exit_reason(code, bool(state.get("OOMKilled")))
    return {"state": State.EXITED, "exit_code": code, "reason": reason, **ended}


def start_failure(message: str) -> dict[str, Any]:
    return {"exit_code": START_ERROR_CODE, "reason": START_ERROR, "message": message}


def nanoseconds(text: str) -> int:
    """Unix nanoseconds of the engine's RFC 3339; its year 1 means never, which is 0."""
    if not text or text.startswith("0001-"):
        return 0
    whole, _, rest = text.removesuffix("Z").partition(".")
    fraction = rest[:9].ljust(9, "0") if rest[:1].isdigit() else "0" * 9
    return int(datetime.fromisoformat(f"{whole[:19]}+00:00").timestamp()) * 10**9 + int(fraction)


def _encode(config: pb.PodSandboxConfig | pb.ContainerConfig) -> str:
    return base64.b64encode(config.SerializeToString()).decode()
