"""What Docker is asked to create for a container of a pod. Pure, but for reading a seccomp profile's file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from apimachinery.errors import ApiError
from cri.limits import DOCKER_LOG_BYTES
from cri.records import Container, Sandbox
from proto import cri_pb2 as pb

_NODE: Final = 2
_POD: Final = 0
_TARGET: Final = 3
_SMALLEST_MEMORY: Final = 6 * 1024 * 1024
"""Docker refuses less."""

_PROPAGATION: Final = {0: "rprivate", 1: "rslave", 2: "rshared"}


def container_body(
    config: pb.ContainerConfig, record: Container, sandbox: Sandbox, node_container: str, mounts: Mapping[str, str]
) -> dict[str, Any]:
    """`mounts` are ours beside the kubelet's: target to host path, read-only. Raises ApiError on what cannot be."""
    body: dict[str, Any] = {
        "Image": record.image_id or config.image.image,
        "Env": [f"{one.key}={one.value.decode(errors='surrogateescape')}" for one in config.envs],
        "Tty": config.tty,
        "OpenStdin": config.stdin,
        "StdinOnce": config.stdin_once,
        "Labels": {},
    }
    if config.command:
        body["Entrypoint"] = list(config.command)
    if config.args:
        body["Cmd"] = list(config.args)
    if config.working_dir:
        body["WorkingDir"] = config.working_dir
    if record.stop_signal:
        body["StopSignal"] = record.stop_signal
    user = _user(config.linux.security_context)
    if user:
        body["User"] = user
    body["HostConfig"] = _host_config(config, record, sandbox, node_container, mounts)
    return body


def _host_config(
    config: pb.ContainerConfig, record: Container, sandbox: Sandbox, node_container: str, mounts: Mapping[str, str]
) -> dict[str, Any]:
    if config.CDI_devices:
        raise ApiError("BadRequest", "CDI devices are not supported by the Docker runtime")
    ours = [f"{source}:{target}:ro" for target, source in mounts.items() if not _mounted(config, target)]
    theirs = [_bind(mount) for mount in config.mounts if ":" not in mount.host_path + mount.container_path]
    host: dict[str, Any] = {
        "NetworkMode": f"container:{sandbox.id}",
        "IpcMode": f"container:{sandbox.id}",
        "Binds": [*ours, *theirs],
        "Mounts": [_mount(one) for one in config.mounts if ":" in one.host_path + one.container_path],
        "LogConfig": _log_config(record),
        "Devices": [
            {"PathOnHost": one.host_path, "PathInContainer": one.container_path, "CgroupPermissions": one.permissions}
            for one in config.devices
        ],
        **resources(config.linux.resources),
        **_security(config.linux.security_context),
    }
    security = config.linux.security_context
    pid = _pid_mode(security.namespace_options, sandbox, node_container)
    if pid and security.HasField("namespace_options"):  # unsaid, the number for POD would mean sharing
        host["PidMode"] = pid
    return host


def _mounted(config: pb.ContainerConfig, target: str) -> bool:
    return any(mount.container_path.rstrip("/") == target for mount in config.mounts)


def _bind(mount: pb.Mount) -> str:
    """The older form: it makes a missing source directory, as CRI asks."""
    if mount.image.image:
        raise ApiError("BadRequest", "image volumes are not supported by the Docker runtime")
    options = ["ro"] if mount.readonly else []
    if mount.propagation:
        options.append(_PROPAGATION[int(mount.propagation)])
    return ":".join([mount.host_path, mount.container_path, *([",".join(options)] if options else [])])


def _mount(mount: pb.Mount) -> dict[str, Any]:
    """The newer form: paths may contain colons."""
    return {
        "Type": "bind",
        "Source": mount.host_path,
        "Target": mount.container_path,
        "ReadOnly": mount.readonly,
        "BindOptions": {"Propagation": _PROPAGATION[int(mount.propagation)]},
    }


def _log_config(record: Container) -> dict[str, Any]:
    """The engine's own log is only what ours is copied from; it is kept small."""
    if not record.log_path:
        return {"Type": "none"}
    return {"Type": "json-file", "Config": {"max-size": str(DOCKER_LOG_BYTES), "max-file": "2"}}


def _pid_mode(options: pb.NamespaceOption, sandbox: Sandbox, node_container: str) -> str:
    if options.pid == _POD:
        return f"container:{sandbox.id}"
    if options.pid == _NODE:
        return f"container:{node_container}"
    return f"container:{options.target_id}" if options.pid == _TARGET else ""


def _user(security: pb.LinuxContainerSecurityContext) -> str:
    user = str(security.run_as_user.value) if security.HasField("run_as_user") else security.run_as_username
    if security.HasField("run_as_group"):
        return f"{user or 0}:{security.run_as_group.value}"
    return user


def resources(wanted: pb.LinuxContainerResources) -> dict[str, Any]:
    """Also what an update sends. Zero means: not limited, or not changed."""
    if any(one.limit for one in wanted.hugepage_limits):
        raise ApiError("BadRequest", "huge pages are not supported by the Docker runtime")
    memory = max(wanted.memory_limit_in_bytes, _SMALLEST_MEMORY) if wanted.memory_limit_in_bytes else 0
    limits = {
        "CpuShares": wanted.cpu_shares,
        "CpuQuota": wanted.cpu_quota,
        "CpuPeriod": wanted.cpu_period if wanted.cpu_quota else 0,
        "Memory": memory,
        "MemorySwap": wanted.memory_swap_limit_in_bytes or memory,  # no swap beyond the limit
        # k8s differs: below 0 takes a privilege that an engine inside a container or a small VM often lacks.
        "OomScoreAdj": max(0, wanted.oom_score_adj),
        "CpusetCpus": wanted.cpuset_cpus,
        "CpusetMems": wanted.cpuset_mems,
        "PidsLimit": int(wanted.unified.get("pids.max", "0").replace("max", "0")),
    }
    return {name: value for name, value in limits.items() if value}


def _security(security: pb.LinuxContainerSecurityContext) -> dict[str, Any]:
    host: dict[str, Any] = {
        "Privileged": security.privileged,
        "ReadonlyRootfs": security.readonly_rootfs,
        "SecurityOpt": _security_options(security),
        "GroupAdd": [str(group) for group in security.supplemental_groups],
    }
    if not security.privileged:
        host["CapAdd"] = [_capability(one) for one in security.capabilities.add_capabilities]
        host["CapDrop"] = [_capability(one) for one in security.capabilities.drop_capabilities]
        if security.masked_paths:
            host["MaskedPaths"] = list(security.masked_paths)
        if security.readonly_paths:
            host["ReadonlyPaths"] = list(security.readonly_paths)
    return host


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _security_options(security: pb.LinuxContainerSecurityContext) -> list[str]:
    options = ["no-new-privileges"] if security.no_new_privs else []
    localhost = pb.SecurityProfile.ProfileType.Localhost
    if security.apparmor.profile_type == localhost:
        options.append(f"apparmor={security.apparmor.localhost_ref}")
    if not security.HasField("seccomp") or security.seccomp.profile_type == pb.SecurityProfile.ProfileType.Unconfined:
        return [*options, "seccomp=unconfined"]  # Kubernetes' default, unlike Docker's
    if security.seccomp.profile_type == localhost:
        options.append(f"seccomp={_profile(security.seccomp.localhost_ref)}")
    return options


def _profile(path: str) -> str:
    """Docker's API takes a profile's content, not its path."""
    try:
        return Path(path).read_text()
    except OSError as error:
        raise ApiError("BadRequest", f"seccomp profile: {error}") from None
