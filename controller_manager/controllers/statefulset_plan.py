"""What a StatefulSet does next: pods by ordinal, one careful step at a time. Pure.

Source of the rules: pkg/controller/statefulset of Kubernetes v1.36.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from api.apps import StatefulSet, StatefulSetStatus
from controller_manager.decisions import each
from controller_manager.history import HASH_LABEL
from controller_manager.pods import PodView, is_available, is_ready, is_terminal, is_terminating

_ORDINAL = re.compile(r"(.*)-([0-9]+)").fullmatch


def ordinal_of(pod: PodView) -> int:
    """-1 for a pod that is not named as a member is."""
    match = _ORDINAL(pod.name)
    return int(match[2]) if match else -1


def parent_of(pod: PodView) -> str:
    match = _ORDINAL(pod.name)
    return match[1] if match else ""


@dataclass
class Plan:
    """Ordinals to create, with the revision hash each is to have; pods to delete: these first."""

    create: list[tuple[int, str]] = field(default_factory=list)
    delete: list[PodView] = field(default_factory=list)

    def __str__(self) -> str:
        return each("delete", (pod.name for pod in self.delete)) or each(
            "create", (f"no. {one}" for one, _ in self.create)
        )


def partition(stateful_set: StatefulSet) -> int:
    rolling = stateful_set.spec.update_strategy.rolling_update
    return rolling.partition if rolling is not None else 0


def plan(stateful_set: StatefulSet, current: str, update: str, pods: Iterable[PodView], now: float) -> Plan:
    """`current` and `update`: hashes of the revision that was, and of the one that is wanted."""
    start = stateful_set.spec.ordinals.start
    wanted = range(start, start + stateful_set.spec.replicas)
    members = {ordinal_of(pod): pod for pod in pods}
    steps = Plan()
    ordered = stateful_set.spec.pod_management_policy != "Parallel"
    if not _fill(stateful_set, wanted, members, current, update, now, steps, ordered=ordered):
        return steps
    if not _shrink(wanted, members, steps, ordered=ordered):
        return steps
    if stateful_set.spec.update_strategy.type == "RollingUpdate":
        _update(stateful_set, wanted, members, update, now, steps)
    return steps


def _fill(
    stateful_set: StatefulSet,
    wanted: Sequence[int],
    members: dict[int, PodView],
    current: str,
    update: str,
    now: float,
    steps: Plan,
    *,
    ordered: bool,
) -> bool:
    """Have every ordinal there, in order where order is asked for. False: wait before anything else."""
    threshold = wanted[0] + partition(stateful_set) if wanted else 0
    for ordinal in wanted:
        pod = members.get(ordinal)
        if pod is None:
            # k8s differs: a member lost during a rollout that it has not reached yet comes back updated.
            rolling = stateful_set.spec.update_strategy.type == "RollingUpdate"
            steps.create.append((ordinal, current if rolling and ordinal < threshold else update))
            healthy = False
        elif is_terminal(pod) and not is_terminating(pod):
            steps.delete.append(pod)
            healthy = False
        else:
            healthy = _is_healthy(pod, stateful_set, now)
        if ordered and not healthy:
            return False
    return True


def _is_healthy(pod: PodView, stateful_set: StatefulSet, now: float) -> bool:
    return not is_terminating(pod) and is_available(pod, stateful_set.spec.min_ready_seconds, now)


def _shrink(wanted: Sequence[int], members: dict[int, PodView], steps: Plan, *, ordered: bool) -> bool:
    """Take away what is beyond, the highest first; in order, one after another has gone."""
    beyond = sorted((ordinal for ordinal in members if ordinal not in wanted), reverse=True)
    for ordinal in beyond:
        if not is_terminating(members[ordinal]):
            steps.delete.append(members[ordinal])
        if ordered:
            return False
    return not beyond


def _update(
    stateful_set: StatefulSet,
    wanted: Sequence[int],
    members: dict[int, PodView],
    update: str,
    now: float,
    steps: Plan,
) -> None:
    """Replace one old pod, the highest first, when all above it are well."""
    if steps.create or steps.delete:
        return
    for ordinal in reversed(wanted):
        if ordinal < wanted[0] + partition(stateful_set):
            return
        pod = members[ordinal]
        if pod.metadata.labels.get(HASH_LABEL) != update and not is_terminating(pod):
            steps.delete.append(pod)
            return
        if not _is_healthy(pod, stateful_set, now):
            return


def compute_status(
    stateful_set: StatefulSet, current: str, update: str, pods: Sequence[PodView], now: float
) -> StatefulSetStatus:
    """`current` and `update` are hashes; the status names the revisions by the set's name and hash."""
    alive = [pod for pod in pods if not is_terminal(pod)]
    steady = [pod for pod in alive if not is_terminating(pod)]
    updated = sum(pod.metadata.labels.get(HASH_LABEL) == update for pod in steady)
    ready = sum(map(is_ready, steady))
    wanted = stateful_set.spec.replicas
    done = updated == ready == wanted == len(alive) and partition(stateful_set) == 0
    now_current = update if done and stateful_set.spec.update_strategy.type == "RollingUpdate" else current
    return msgspec.structs.replace(
        stateful_set.status,
        observed_generation=stateful_set.metadata.generation,
        replicas=len(alive),
        ready_replicas=ready,
        available_replicas=sum(is_available(pod, stateful_set.spec.min_ready_seconds, now) for pod in steady),
        current_replicas=sum(pod.metadata.labels.get(HASH_LABEL) == now_current for pod in steady),
        updated_replicas=updated,
        current_revision=f"{stateful_set.name}-{now_current}",
        update_revision=f"{stateful_set.name}-{update}",
    )
