"""A Deployment's ReplicaSets as its planner sees them: numbers, annotations, templates. All pure.

Source of the rules: pkg/controller/deployment/util of Kubernetes v1.36.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from api.apps import Deployment, DeploymentSpec, ReplicaSet, RollingUpdateDeployment
from api.meta import owner_reference
from apimachinery.timestamps import parse_time
from controller_manager.limits import DEPLOYMENT_HISTORY_CHARS
from controller_manager.template_hash import template_hash

JSON = dict[str, Any]

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS: Final = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS: Final = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED: Final = frozenset(
    (
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
    )
)
_UNLIMITED: Final = 2**31 - 1


# --- templates -------------------------------------------------------------------------------------------------------


def template_of(raw: msgspec.Raw) -> JSON:
    """The template without the label that tells revisions apart: what is compared."""
    tree: JSON = msgspec.json.decode(raw)
    metadata = dict(tree.get("metadata") or {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = labels
    return {**tree, "metadata": metadata}


def find_new(deployment: Deployment, sets: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet of the present template, if there is one."""
    wanted = template_of(deployment.spec.template)
    return next((one for one in by_age(sets) if template_of(one.spec.template) == wanted), None)


def new_replica_set(deployment: Deployment, collisions: int, replicas: int, revision: int) -> JSON:
    """The body of the ReplicaSet that the present template calls for."""
    template = template_of(deployment.spec.template)
    hash_ = template_hash(template, collisions)
    labels = {**template["metadata"]["labels"], HASH_LABEL: hash_}
    selector = deployment.spec.selector
    assert selector is not None
    expressions = msgspec.to_builtins(selector.match_expressions)
    match = {"matchLabels": {**selector.match_labels, HASH_LABEL: hash_}}
    spec: JSON = {
        "replicas": replicas,
        "selector": match | ({"matchExpressions": list(expressions)} if expressions else {}),
        "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
    }
    if deployment.spec.min_ready_seconds:
        spec["minReadySeconds"] = deployment.spec.min_ready_seconds
    annotations = copied_annotations(deployment) | scale_annotations(deployment) | {REVISION: str(revision)}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment.name}-{hash_}",
            "namespace": deployment.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": spec,
    }


# --- annotations -----------------------------------------------------------------------------------------------------


def revision_of(one: ReplicaSet | Deployment) -> int:
    return _number(one.metadata.annotations.get(REVISION)) or 0


def copied_annotations(deployment: Deployment) -> dict[str, str]:
    """What a ReplicaSet takes over, so that undoing a rollout brings it back."""
    return {key: value for key, value in deployment.metadata.annotations.items() if key not in _NOT_COPIED}


def scale_annotations(deployment: Deployment) -> dict[str, str]:
    """What the ReplicaSet was scaled for: a difference to the present means the Deployment was scaled."""
    return {
        DESIRED_REPLICAS: str(deployment.spec.replicas),
        MAX_REPLICAS: str(deployment.spec.replicas + max_surge(deployment)),
    }


def desired_replicas(one: ReplicaSet) -> int | None:
    return _number(one.metadata.annotations.get(DESIRED_REPLICAS))


def max_replicas(one: ReplicaSet) -> int | None:
    return _number(one.metadata.annotations.get(MAX_REPLICAS))


def renewed_annotations(deployment: Deployment, new: ReplicaSet, revision: int) -> dict[str, str]:
    """The annotations of an existing ReplicaSet that is (again) the new one; its past revisions are remembered."""
    annotations = {**new.metadata.annotations, **copied_annotations(deployment)}
    before = new.metadata.annotations.get(REVISION, "")
    if revision_of(new) < revision:
        annotations[REVISION] = str(revision)
        if before:
            annotations[REVISION_HISTORY] = _with_revision(annotations.get(REVISION_HISTORY, ""), before)
    return annotations


def _with_revision(history: str, revision: str) -> str:
    """The oldest revisions give way when the text grows too long."""
    revisions = [*filter(None, history.split(",")), revision]
    while len(text := ",".join(revisions)) > DEPLOYMENT_HISTORY_CHARS:
        revisions.pop(0)
    return text


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


# --- numbers ---------------------------------------------------------------------------------------------------------


def is_rolling(deployment: Deployment) -> bool:
    return deployment.spec.strategy.type == "RollingUpdate"


def max_surge(deployment: Deployment) -> int:
    return _fenceposts(deployment.spec)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Deployment) -> int:
    if not is_rolling(deployment) or deployment.spec.replicas == 0:
        return 0
    return min(_fenceposts(deployment.spec)[1], deployment.spec.replicas)


def _fenceposts(spec: DeploymentSpec) -> tuple[int, int]:
    """(surge, unavailable): percentages round up and down; both nothing would stall, so one may be unavailable."""
    rolling = spec.strategy.rolling_update or RollingUpdateDeployment()
    surge = resolve(rolling.max_surge, spec.replicas, round_up=True)
    unavailable = resolve(rolling.max_unavailable, spec.replicas, round_up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def resolve(value: int | str, total: int, *, round_up: bool) -> int:
    """A number, or a percentage of `total`."""
    if isinstance(value, int):
        return value
    exact = float(value.removesuffix("%")) * total / 100
    return math.ceil(exact) if round_up else math.floor(exact)


def has_deadline(deployment: Deployment) -> bool:
    seconds = deployment.spec.progress_deadline_seconds
    return seconds is not None and seconds != _UNLIMITED


def spec_replicas(sets: Iterable[ReplicaSet]) -> int:
    return sum(one.spec.replicas for one in sets)


def available_replicas(sets: Iterable[ReplicaSet]) -> int:
    """What may be counted on. k8s differs: pods beyond `spec.replicas` are about to go, so they do not count, else a
    ReplicaSet just scaled down would be scaled down again for what its old status says."""
    return sum(min(one.status.available_replicas, one.spec.replicas) for one in sets)


def active(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    return [one for one in sets if one.spec.replicas > 0]


def created(one: ReplicaSet) -> float:
    return parse_time(one.metadata.creation_timestamp) if one.metadata.creation_timestamp else 0.0


def by_age(sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Oldest first."""
    return sorted(sets, key=lambda one: (created(one), one.name))
