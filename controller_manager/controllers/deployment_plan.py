"""What a Deployment does next: one step of a rollout as data. Pure; the controller performs it.

A step is computed on ReplicaSets as they were seen. Scaling a ReplicaSet here also replaces it in the plan's own
list, so what follows in the same step counts with the new number.
Source of the rules: pkg/controller/deployment of Kubernetes v1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.apps import Deployment, ReplicaSet
from apimachinery import merge_patch
from controller_manager.controllers import deployment_sets as sets_
from controller_manager.controllers.deployment_sets import (
    active,
    available_replicas,
    by_age,
    max_surge,
    max_unavailable,
    spec_replicas,
)
from controller_manager.decisions import count
from controller_manager.pods import PodView, is_terminal

JSON = dict[str, Any]


@dataclass(frozen=True)
class CreateSet:
    body: JSON
    revision: int

    def __str__(self) -> str:
        return f"create {self.body['metadata']['name']} with {count(self.body['spec']['replicas'], 'replica')}"


@dataclass(frozen=True)
class PatchSet:
    """`scaled` is (from, to) if the number changes. The patch is refused if the ReplicaSet has changed since."""

    name: str
    patch: JSON
    scaled: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.scaled is None:
            return f"annotate {self.name}"
        return f"scale {self.name} from {self.scaled[0]} to {self.scaled[1]}"


@dataclass(frozen=True)
class DeleteSet:
    name: str
    uid: str

    def __str__(self) -> str:
        return f"delete {self.name}"


@dataclass(frozen=True)
class SetRevision:
    """Of the Deployment itself."""

    revision: int

    def __str__(self) -> str:
        return f"set revision {self.revision}"


Action = CreateSet | PatchSet | DeleteSet | SetRevision


@dataclass
class Rollout:
    """One step in the making."""

    deployment: Deployment
    new: ReplicaSet | None
    old: list[ReplicaSet]
    actions: list[Action] = field(default_factory=list)
    reason: str = ""
    """Why the Deployment is Progressing, where this step decides it: a key of `deployment_status.NEWS`."""

    @property
    def all(self) -> list[ReplicaSet]:
        return [*self.old, *([self.new] if self.new is not None else [])]

    def scale(self, one: ReplicaSet, replicas: int) -> bool:
        """Have `one` scaled; False if it is right already, annotations included."""
        wanted = sets_.scale_annotations(self.deployment)
        changes_size = one.spec.replicas != replicas
        if not changes_size and wanted.items() <= one.metadata.annotations.items():
            return False
        patch: JSON = {"metadata": {"resourceVersion": one.metadata.resource_version, "annotations": wanted}}
        if changes_size:
            patch["spec"] = {"replicas": replicas}
        scaled = (one.spec.replicas, replicas) if changes_size else None
        self.patch(one, patch, scaled)
        self._replace(one, replicas, wanted)
        return changes_size

    def patch(self, one: ReplicaSet, patch: JSON, scaled: tuple[int, int] | None = None) -> None:
        """One write per ReplicaSet and step: a second would be refused for the first one's sake."""
        for index, action in enumerate(self.actions):
            if isinstance(action, PatchSet) and action.name == one.name:
                merged = merge_patch.apply(action.patch, patch)
                self.actions[index] = PatchSet(one.name, merged, scaled or action.scaled)
                return
        self.actions.append(PatchSet(one.name, patch, scaled))

    def _replace(self, one: ReplicaSet, replicas: int, annotations: Mapping[str, str]) -> None:
        metadata = msgspec.structs.replace(one.metadata, annotations={**one.metadata.annotations, **annotations})
        spec = msgspec.structs.replace(one.spec, replicas=replicas)
        changed = msgspec.structs.replace(one, metadata=metadata, spec=spec)
        if self.new is not None and self.new.uid == one.uid:
            self.new = changed
        else:
            self.old = [changed if known.uid == one.uid else known for known in self.old]


def plan(deployment: Deployment, sets: Sequence[ReplicaSet], pods: Mapping[str, Sequence[PodView]]) -> Rollout:
    """The next step. `pods` are those of each ReplicaSet, by its uid; only Recreate looks at them."""
    new = sets_.find_new(deployment, sets)
    old = by_age(one for one in sets if new is None or one.uid != new.uid)
    rollout = Rollout(deployment, new, old)
    if deployment.metadata.deletion_timestamp is not None:
        return rollout
    if deployment.spec.paused or is_scaling(deployment, sets):
        _sync_revision(rollout, create=False)
        _scale(rollout)
        if deployment.spec.paused:
            _clean_up(rollout)
    elif sets_.is_rolling(deployment):
        _roll(rollout)
    else:
        _recreate(rollout, pods)
    return rollout


def told(rollout: Rollout) -> str:
    """On what grounds: how far the rollout is."""
    wanted, updated = rollout.deployment.spec.replicas, rollout.new
    up = updated.status.available_replicas if updated is not None else 0
    behind = sum(one.spec.replicas for one in rollout.old)
    return f"{up} of {wanted} replicas are up to date and available" + (f", {behind} are old" if behind else "")


def is_scaling(deployment: Deployment, sets: Iterable[ReplicaSet]) -> bool:
    """Did someone change `spec.replicas` since the ReplicaSets were last scaled?"""
    desired = (sets_.desired_replicas(one) for one in active(sets))
    return any(one is not None and one != deployment.spec.replicas for one in desired)


def is_complete(deployment: Deployment, status: Any) -> bool:
    wanted = deployment.spec.replicas
    return (status.updated_replicas, status.replicas, status.available_replicas) == (
        wanted,
        wanted,
        wanted,
    ) and status.observed_generation >= deployment.metadata.generation


# --- the new ReplicaSet ----------------------------------------------------------------------------------------------


def _sync_revision(rollout: Rollout, *, create: bool) -> None:
    """Number the new ReplicaSet, and the Deployment after it; create it if it is not there."""
    revision = max((sets_.revision_of(one) for one in rollout.old), default=0) + 1
    if rollout.new is not None:
        _renew(rollout, rollout.new, revision)
    elif create:
        _create(rollout, revision)


def _renew(rollout: Rollout, new: ReplicaSet, revision: int) -> None:
    deployment = rollout.deployment
    annotations = sets_.renewed_annotations(deployment, new, revision)
    minimum = deployment.spec.min_ready_seconds
    if annotations != new.metadata.annotations or new.spec.min_ready_seconds != minimum:
        metadata = {"resourceVersion": new.metadata.resource_version, "annotations": annotations}
        patch = {"metadata": metadata, "spec": {"minReadySeconds": minimum or None}}  # zero is not spelled out
        rollout.patch(new, patch)
        rollout.new = msgspec.structs.replace(
            new, metadata=msgspec.structs.replace(new.metadata, annotations=annotations)
        )
    current = int(annotations.get(sets_.REVISION, revision))
    if sets_.revision_of(deployment) != current:
        rollout.actions.append(SetRevision(current))
    rollout.reason = "found"


def _create(rollout: Rollout, revision: int) -> None:
    deployment = rollout.deployment
    collisions = deployment.status.collision_count or 0
    replicas = _new_replicas(deployment, rollout.old, 0)
    body = sets_.new_replica_set(deployment, collisions, replicas, revision)
    rollout.actions.append(CreateSet(body, revision))
    if sets_.revision_of(deployment) != revision:
        rollout.actions.append(SetRevision(revision))
    rollout.new = msgspec.json.decode(msgspec.json.encode(body), type=ReplicaSet)
    rollout.reason = "created"


def _new_replicas(deployment: Deployment, all_sets: Iterable[ReplicaSet], present: int) -> int:
    """How large the new ReplicaSet may be now: all of it, or up to what the surge allows."""
    wanted = deployment.spec.replicas
    if not sets_.is_rolling(deployment):
        return wanted
    room = wanted + max_surge(deployment) - spec_replicas(all_sets)
    return present if room <= 0 else present + min(room, wanted - present)


# --- rolling update --------------------------------------------------------------------------------------------------


def _roll(rollout: Rollout) -> None:
    """Grow the new, else shrink the old, else clean up: one of them per step."""
    _sync_revision(rollout, create=True)
    if _grow_new(rollout) or _shrink_old(rollout):
        return
    if is_complete(rollout.deployment, rollout.deployment.status):
        _clean_up(rollout)


def _grow_new(rollout: Rollout) -> bool:
    new, wanted = rollout.new, rollout.deployment.spec.replicas
    assert new is not None
    if new.spec.replicas == wanted:
        return False
    if new.spec.replicas > wanted:
        return rollout.scale(new, wanted)
    return rollout.scale(new, _new_replicas(rollout.deployment, rollout.all, new.spec.replicas))


def _shrink_old(rollout: Rollout) -> bool:
    """Unhealthy pods first: they do not count towards availability. Then as many as may be unavailable."""
    if spec_replicas(rollout.old) == 0:
        return False
    deployment, new = rollout.deployment, rollout.new
    assert new is not None
    minimum = deployment.spec.replicas - max_unavailable(deployment)
    new_unavailable = new.spec.replicas - new.status.available_replicas
    most = spec_replicas(rollout.all) - minimum - new_unavailable
    if most <= 0:
        return False
    cleaned = _take(rollout, most, lambda one: one.spec.replicas - one.status.available_replicas)
    spare = available_replicas(rollout.all) - minimum
    shrunk = _take(rollout, spare, lambda one: one.spec.replicas) if spare > 0 else 0
    return cleaned + shrunk > 0


def _take(rollout: Rollout, most: int, removable: Any) -> int:
    """Scale old ReplicaSets down, oldest first, by what `removable` allows each, by `most` altogether."""
    taken = 0
    for one in list(rollout.old):
        count = min(removable(one), most - taken, one.spec.replicas)
        if count > 0:
            rollout.scale(one, one.spec.replicas - count)
            taken += count
    return taken


# --- recreate --------------------------------------------------------------------------------------------------------


def _recreate(rollout: Rollout, pods: Mapping[str, Sequence[PodView]]) -> None:
    _sync_revision(rollout, create=False)
    doomed = active(rollout.old)
    if doomed:
        for one in doomed:
            rollout.scale(one, 0)
        return
    if _old_pods_run(rollout, pods):
        return
    if rollout.new is None:
        _sync_revision(rollout, create=True)
        return
    rollout.scale(rollout.new, rollout.deployment.spec.replicas)
    if is_complete(rollout.deployment, rollout.deployment.status):
        _clean_up(rollout)


def _old_pods_run(rollout: Rollout, pods: Mapping[str, Sequence[PodView]]) -> bool:
    """Also those on their way out: none may be left when the new ones start."""
    if any(one.status.replicas > 0 for one in rollout.old):
        return True
    keep = rollout.new.uid if rollout.new is not None else ""
    return any(not is_terminal(pod) for uid, owned in pods.items() if uid != keep for pod in owned)


# --- scaling ---------------------------------------------------------------------------------------------------------


def _scale(rollout: Rollout) -> None:
    """Someone changed `spec.replicas`: one ReplicaSet takes it all, or several share it in proportion."""
    deployment = rollout.deployment
    only = _only_active_or_latest(rollout)
    if only is not None:
        rollout.scale(only, deployment.spec.replicas)
        return
    if rollout.new is not None and _is_saturated(deployment, rollout.new):
        for one in active(rollout.old):
            rollout.scale(one, 0)
        return
    if sets_.is_rolling(deployment):
        _scale_in_proportion(rollout)


def _only_active_or_latest(rollout: Rollout) -> ReplicaSet | None:
    present = active(rollout.all)
    if len(present) > 1:
        return None
    if present:
        return present[0]
    return rollout.new or (rollout.old[-1] if rollout.old else None)


def _is_saturated(deployment: Deployment, new: ReplicaSet) -> bool:
    wanted = deployment.spec.replicas
    return new.spec.replicas == wanted == sets_.desired_replicas(new) == new.status.available_replicas


def _scale_in_proportion(rollout: Rollout) -> None:
    """A rollout under way goes on at its proportions; what rounding leaves goes to the largest ReplicaSet."""
    deployment = rollout.deployment
    wanted = deployment.spec.replicas
    sharing = active(rollout.all)
    to_add = (wanted + max_surge(deployment) if wanted > 0 else 0) - spec_replicas(sharing)
    sharing.sort(key=lambda one: (-one.spec.replicas, -sets_.created(one) if to_add > 0 else sets_.created(one)))
    added, sizes = 0, []
    for one in sharing:
        share = _share(deployment, one, to_add, added)
        sizes.append(one.spec.replicas + share)
        added += share
    for index, one in enumerate(sharing):
        size = sizes[index] + (to_add - added if index == 0 else 0)
        rollout.scale(one, max(size, 0))


def _share(deployment: Deployment, one: ReplicaSet, to_add: int, added: int) -> int:
    if one.spec.replicas == 0 or to_add in (0, added):
        return 0
    fraction = _fraction(deployment, one)
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def _fraction(deployment: Deployment, one: ReplicaSet) -> int:
    if deployment.spec.replicas == 0:
        return -one.spec.replicas
    before = sets_.max_replicas(one) or deployment.status.replicas
    if before == 0:
        return 0
    exact = one.spec.replicas * (deployment.spec.replicas + max_surge(deployment)) / before
    return int(exact + 0.5) - one.spec.replicas


# --- history ---------------------------------------------------------------------------------------------------------


def _clean_up(rollout: Rollout) -> None:
    """Keep as many empty ReplicaSets as the history limit says, dropping the lowest revisions first."""
    limit = rollout.deployment.spec.revision_history_limit
    present = [one for one in rollout.old if one.metadata.deletion_timestamp is None]
    surplus = len(present) - limit
    for one in sorted(present, key=sets_.revision_of)[: max(surplus, 0)]:
        settled = one.metadata.generation <= one.status.observed_generation
        if one.status.replicas == 0 and one.spec.replicas == 0 and settled:
            rollout.actions.append(DeleteSet(one.name, one.uid))
