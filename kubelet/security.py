"""Security contexts, the pod's and the container's, as CRI wants them. Pure."""

from __future__ import annotations

from api.container import Container, PodSecurityContext, SecurityContext, SecurityProfile, SELinuxOptions
from api.pod import Pod
from proto import cri_pb2 as pb

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

_PROFILES = {
    "RuntimeDefault": pb.SecurityProfile.RuntimeDefault,
    "Unconfined": pb.SecurityProfile.Unconfined,
    "Localhost": pb.SecurityProfile.Localhost,
}


class NonRootViolation(Exception):
    """runAsNonRoot, and the user is root or cannot be told."""


def namespaces(pod: Pod, target_container_id: str = "") -> pb.NamespaceOption:
    """Which of the node's namespaces the pod shares. A debugging container may share its target's processes."""
    pid = pb.POD if pod.spec.share_process_namespace else pb.CONTAINER
    if target_container_id:
        pid = pb.TARGET
    return pb.NamespaceOption(
        network=pb.NODE if pod.spec.host_network else pb.POD,
        pid=pb.NODE if pod.spec.host_pid else pid,
        ipc=pb.NODE if pod.spec.host_ipc else pb.POD,
        target_id=target_container_id,
    )


def sandbox_security(pod: Pod) -> pb.LinuxSandboxSecurityContext:
    context = pod.spec.security_context or PodSecurityContext()
    message = pb.LinuxSandboxSecurityContext(
        namespace_options=namespaces(pod),
        privileged=any(
            one.security_context is not None and one.security_context.privileged
            for one in (*pod.spec.containers, *pod.spec.init_containers)
        ),
        supplemental_groups=_groups(context),
        seccomp=_profile(context.seccomp_profile, "RuntimeDefault"),
    )
    if context.run_as_user is not None:
        message.run_as_user.value = context.run_as_user
    if context.run_as_group is not None:
        message.run_as_group.value = context.run_as_group
    return message


def container_security(
    pod: Pod, container: Container, image: pb.Image | None, target_container_id: str = ""
) -> pb.LinuxContainerSecurityContext:
    """Raises NonRootViolation."""
    of_pod = pod.spec.security_context or PodSecurityContext()
    own = container.security_context or SecurityContext()
    message = pb.LinuxContainerSecurityContext(
        namespace_options=namespaces(pod, target_container_id),
        privileged=own.privileged,
        readonly_rootfs=own.read_only_root_filesystem,
        no_new_privs=own.allow_privilege_escalation is False,
        supplemental_groups=_groups(of_pod),
        seccomp=_profile(own.seccomp_profile or of_pod.seccomp_profile, "Unconfined"),
        apparmor=_profile(own.app_armor_profile or of_pod.app_armor_profile, "RuntimeDefault"),
        selinux_options=_selinux(own.se_linux_options or of_pod.se_linux_options),
    )
    if own.capabilities is not None:
        capabilities = pb.Capability(add_capabilities=own.capabilities.add, drop_capabilities=own.capabilities.drop)
        message.capabilities.CopyFrom(capabilities)
    if not own.privileged and own.proc_mount != "Unmasked":
        message.masked_paths.extend(MASKED_PATHS)
        message.readonly_paths.extend(READONLY_PATHS)
    _set_user(message, of_pod, own, image, container.name, pod)
    return message


def _set_user(
    message: pb.LinuxContainerSecurityContext,
    of_pod: PodSecurityContext,
    own: SecurityContext,
    image: pb.Image | None,
    container: str,
    pod: Pod,
) -> None:
    user = own.run_as_user if own.run_as_user is not None else of_pod.run_as_user
    group = own.run_as_group if own.run_as_group is not None else of_pod.run_as_group
    must_not_be_root = own.run_as_non_root if own.run_as_non_root is not None else of_pod.run_as_non_root
    where = f'(pod: "{pod.name}_{pod.namespace}({pod.uid})", container: {container})'
    if must_not_be_root:
        if user == 0:
            raise NonRootViolation(f"container's runAsUser breaks non-root policy {where}")
        if user is None and image is not None and image.username:
            raise NonRootViolation(
                f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
                f"cannot verify user is non-root {where}"
            )
        if user is None and (image is None or image.uid.value == 0):
            raise NonRootViolation(f"container has runAsNonRoot and image will run as root {where}")
    if user is None and image is not None:
        # The image's own user, said outright so that the group below can go with it.
        user = image.uid.value if image.HasField("uid") and image.uid.value else None
        message.run_as_username = image.username if group is not None else ""
    if user is not None:
        message.run_as_user.value = user
    elif group is not None and not message.run_as_username:
        message.run_as_user.value = 0
    if group is not None:
        message.run_as_group.value = group


def _groups(context: PodSecurityContext) -> list[int]:
    """The file system's group is one of the processes' too, or they could not write their volumes."""
    groups = list(context.supplemental_groups)
    return groups if context.fs_group is None or context.fs_group in groups else [*groups, context.fs_group]


def _profile(profile: SecurityProfile | None, default: str) -> pb.SecurityProfile:
    if profile is None or not profile.type:
        return pb.SecurityProfile(profile_type=_PROFILES[default])
    return pb.SecurityProfile(profile_type=_PROFILES[profile.type], localhost_ref=profile.localhost_profile)


def _selinux(options: SELinuxOptions | None) -> pb.SELinuxOption | None:
    if options is None:
        return None
    return pb.SELinuxOption(user=options.user, role=options.role, type=options.type, level=options.level)
