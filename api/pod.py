"""Pod, core/v1. Field meanings: Kubernetes API reference, "Pod v1 core"."""

from __future__ import annotations

from typing import Any, ClassVar

from api.meta import Condition, KubeObject, LabelSelector, Struct
from apimachinery.resources import GVR

JSON = dict[str, Any]


class ContainerPort(Struct, frozen=True):
    name: str = ""
    container_port: int = 0
    host_port: int = 0
    host_ip: str = ""
    protocol: str = "TCP"


class ObjectFieldSelector(Struct, frozen=True):
    api_version: str = "v1"
    field_path: str = ""


class ResourceFieldSelector(Struct, frozen=True):
    container_name: str = ""
    resource: str = ""
    divisor: str = "0"


class KeySelector(Struct, frozen=True):
    """`configMapKeyRef` and `secretKeyRef`."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvVarSource(Struct, frozen=True):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(Struct, frozen=True):
    name: str = ""
    value: str = ""
    value_from: EnvVarSource | None = None


class LocalReference(Struct, frozen=True):
    """The name of an object in the same namespace."""

    name: str = ""
    optional: bool = False


class EnvFromSource(Struct, frozen=True):
    prefix: str = ""
    config_map_ref: LocalReference | None = None
    secret_ref: LocalReference | None = None


class ResourceRequirements(Struct, frozen=True):
    """Quantities as the API writes them, by resource name."""

    limits: dict[str, str | int | float] = {}
    requests: dict[str, str | int | float] = {}


class VolumeMount(Struct, frozen=True):
    name: str = ""
    mount_path: str = ""
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""
    mount_propagation: str = ""
    recursive_read_only: str = ""


class HTTPHeader(Struct, frozen=True):
    name: str = ""
    value: str = ""


class ExecAction(Struct, frozen=True):
    command: tuple[str, ...] = ()


class HTTPGetAction(Struct, frozen=True):
    path: str = "/"
    port: int | str = 0
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Struct, frozen=True):
    port: int | str = 0
    host: str = ""


class GRPCAction(Struct, frozen=True):
    port: int = 0
    service: str = ""


class SleepAction(Struct, frozen=True):
    seconds: int = 0


class Probe(Struct, frozen=True):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(Struct, frozen=True):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Struct, frozen=True):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str = ""


class Capabilities(Struct, frozen=True):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityProfile(Struct, frozen=True):
    """`seccompProfile` and `appArmorProfile`."""

    type: str = ""
    localhost_profile: str = ""


class SELinuxOptions(Struct, frozen=True):
    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class SecurityContext(Struct, frozen=True):
    """A container's; the pod's has the same names where they overlap."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    privileged: bool = False
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    proc_mount: str = ""
    seccomp_profile: SecurityProfile | None = None
    app_armor_profile: SecurityProfile | None = None
    se_linux_options: SELinuxOptions | None = None


class Sysctl(Struct, frozen=True):
    name: str = ""
    value: str = ""


class PodSecurityContext(Struct, frozen=True):
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: str = ""
    fs_group: int | None = None
    fs_group_change_policy: str = ""
    sysctls: tuple[Sysctl, ...] = ()
    seccomp_profile: SecurityProfile | None = None
    app_armor_profile: SecurityProfile | None = None
    se_linux_options: SELinuxOptions | None = None


class ExitCodeRequirement(Struct, frozen=True):
    operator: str = ""
    values: tuple[int, ...] = ()


class ContainerRestartRule(Struct, frozen=True):
    """KEP-5307: what an exit code does, whatever the restart policy says."""

    action: str = ""
    exit_codes: ExitCodeRequirement | None = None


class Container(Struct, frozen=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    volume_mounts: tuple[VolumeMount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str = ""
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


class EphemeralContainer(Container, frozen=True):
    target_container_name: str = ""


class KeyToPath(Struct, frozen=True):
    key: str = ""
    path: str = ""
    mode: int | None = None


class EmptyDirVolume(Struct, frozen=True):
    medium: str = ""
    size_limit: str | int | None = None


class HostPathVolume(Struct, frozen=True):
    path: str = ""
    type: str = ""


class ConfigMapVolume(Struct, frozen=True):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretVolume(Struct, frozen=True):
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class DownwardAPIFile(Struct, frozen=True):
    path: str = ""
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolume(Struct, frozen=True):
    items: tuple[DownwardAPIFile, ...] = ()
    default_mode: int | None = None


class ServiceAccountTokenProjection(Struct, frozen=True):
    audience: str = ""
    expiration_seconds: int = 3600
    path: str = ""


class VolumeProjection(Struct, frozen=True):
    """One source of a projected volume; its Secret is named `name`, unlike a Secret volume's."""

    config_map: ConfigMapVolume | None = None
    secret: ConfigMapVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolume(Struct, frozen=True):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolume(Struct, frozen=True):
    claim_name: str = ""
    read_only: bool = False


class Volume(Struct, frozen=True):
    """Of a source that is not listed here, only `unsupported_source` in the kubelet's view of the raw pod tells."""

    name: str = ""
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    projected: ProjectedVolume | None = None
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None


class Toleration(Struct, frozen=True):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class NodeSelectorRequirement(Struct, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Struct, frozen=True):
    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Struct, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredSchedulingTerm(Struct, frozen=True):
    weight: int = 0
    preference: NodeSelectorTerm = NodeSelectorTerm()


class NodeAffinity(Struct, frozen=True):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()


class PodAffinityTerm(Struct, frozen=True):
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    topology_key: str = ""
    namespace_selector: LabelSelector | None = None


class WeightedPodAffinityTerm(Struct, frozen=True):
    weight: int = 0
    pod_affinity_term: PodAffinityTerm = PodAffinityTerm()


class PodAffinity(Struct, frozen=True):
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class Affinity(Struct, frozen=True):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class SchedulingGate(Struct, frozen=True):
    name: str = ""


class PodReadinessGate(Struct, frozen=True):
    condition_type: str = ""


class HostAlias(Struct, frozen=True):
    ip: str = ""
    hostnames: tuple[str, ...] = ()


class PodDNSConfigOption(Struct, frozen=True):
    name: str = ""
    value: str | None = None


class PodDNSConfig(Struct, frozen=True):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


class PodSpec(Struct, frozen=True):
    volumes: tuple[Volume, ...] = ()
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[EphemeralContainer, ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str = "ClusterFirst"
    dns_config: PodDNSConfig | None = None
    node_selector: dict[str, str] = {}
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    node_name: str = ""
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    security_context: PodSecurityContext | None = None
    image_pull_secrets: tuple[LocalReference, ...] = ()
    hostname: str = ""
    subdomain: str = ""
    set_hostname_as_fqdn: bool = False
    affinity: Affinity | None = None
    scheduler_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    host_aliases: tuple[HostAlias, ...] = ()
    priority: int | None = None
    priority_class_name: str = ""
    preemption_policy: str = ""
    resources: ResourceRequirements | None = None
    overhead: dict[str, str | int | float] = {}
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    runtime_class_name: str = ""
    enable_service_links: bool | None = None
    scheduling_gates: tuple[SchedulingGate, ...] = ()


class ContainerStateWaiting(Struct, frozen=True):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(Struct, frozen=True):
    started_at: str | None = None


class ContainerStateTerminated(Struct, frozen=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    container_id: str = ""


class ContainerState(Struct, frozen=True):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Struct, frozen=True):
    name: str = ""
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str = ""
    started: bool | None = None


class PodIP(Struct, frozen=True):
    ip: str = ""


class PodStatus(Struct, frozen=True):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = ""
    host_ips: tuple[PodIP, ...] = ()
    observed_generation: int | None = None
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    start_time: str | None = None
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    qos_class: str = ""


class Pod(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("", "v1", "pods")
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


def condition(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    return next((one for one in conditions if one.type == type_), None)


def is_ready(pod: Pod) -> bool:
    found = condition(pod.status.conditions, "Ready")
    return found is not None and found.status == "True"


def is_terminal(pod: Pod) -> bool:
    """Has it run to its end, well or not?"""
    return pod.status.phase in ("Succeeded", "Failed")
