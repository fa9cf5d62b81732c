"""Resource requests and limits as the kernel wants them. Pure. Formulas: Kubernetes node documentation, "cgroups"."""

from __future__ import annotations

from api.container import Container
from api.pod import Pod
from apimachinery import quantity
from kubelet.pods import qos_class
from proto import cri_pb2 as pb

CPU_PERIOD_MICROS = 100_000
MIN_SHARES = 2
MAX_SHARES = 262_144
SHARES_PER_CPU = 1024
MIN_QUOTA_MICROS = 1000
OOM_GUARANTEED = -997
OOM_BEST_EFFORT = 1000
CRITICAL_PRIORITY = 2_000_000_000


def linux_resources(pod: Pod, container: Container, node_memory_bytes: int) -> pb.LinuxContainerResources:
    wanted = container.resources
    limits = {name: quantity.parse(amount) for name, amount in wanted.limits.items()}
    requests = {name: quantity.parse(amount) for name, amount in wanted.requests.items()}
    cpu_limit = limits["cpu"].to_milli() if "cpu" in limits else 0
    # A limit without a request means that much is requested.
    cpu_request = requests["cpu"].to_milli() if "cpu" in requests else cpu_limit
    memory_request = requests.get("memory", limits.get("memory"))
    return pb.LinuxContainerResources(
        cpu_period=CPU_PERIOD_MICROS if cpu_limit else 0,
        cpu_quota=cpu_quota(cpu_limit),
        cpu_shares=cpu_shares(cpu_request),
        memory_limit_in_bytes=limits["memory"].to_int() if "memory" in limits else 0,
        oom_score_adj=oom_score_adj(pod, memory_request.to_int() if memory_request else 0, node_memory_bytes),
    )


def cpu_shares(milli_cpu: int) -> int:
    """1024 per CPU, at least the kernel's minimum."""
    return max(MIN_SHARES, min(MAX_SHARES, milli_cpu * SHARES_PER_CPU // 1000))


def cpu_quota(milli_cpu: int) -> int:
    """Microseconds per period, 0 for no limit."""
    if milli_cpu == 0:
        return 0
    return max(MIN_QUOTA_MICROS, milli_cpu * CPU_PERIOD_MICROS // 1000)


def oom_score_adj(pod: Pod, memory_request_bytes: int, node_memory_bytes: int) -> int:
    """Who is killed first when memory runs out: who asked for little of it, guaranteed pods last."""
    if (pod.spec.priority or 0) >= CRITICAL_PRIORITY:
        return OOM_GUARANTEED
    qos = pod.status.qos_class or qos_class(pod)
    if qos == "Guaranteed":
        return OOM_GUARANTEED
    if qos == "BestEffort":
        return OOM_BEST_EFFORT
    score = 1000 - 1000 * memory_request_bytes // max(1, node_memory_bytes)
    return max(1000 + OOM_GUARANTEED, min(OOM_BEST_EFFORT - 1, score))
