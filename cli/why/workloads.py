"""Findings about what keeps pods: Deployments, ReplicaSets, StatefulSets, DaemonSets. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.why.containers import container_problem
from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    are,
    cited,
    condition,
    container_statuses,
    events_of,
    told_event,
    version,
)

PODS_TOLD = 5  # pods of a workload that are named with their problem


def replicas(evidence: Evidence) -> Iterator[Finding]:
    """How far it is from what it should be, and which pods are to blame."""
    obj = evidence.obj or {}
    status = obj.get("status", {})
    wanted = obj.get("spec", {}).get("replicas", status.get("desiredNumberScheduled"))
    ready = status.get("readyReplicas", status.get("numberReady")) or 0
    if obj.get("spec", {}).get("paused"):
        yield Finding("It is paused: nothing is rolled out until it is resumed.", (version(obj),))
    yield from _unseen(obj)
    if wanted is None:
        return
    pods = owned_pods(evidence)
    updated = status.get("updatedReplicas", wanted)
    if ready >= wanted and updated >= wanted and len(pods) <= wanted:
        text = "Its only pod is ready." if wanted == 1 else f"All {wanted} of its pods are ready."
        yield Finding(text, (version(obj),))
        return
    rolling = f"; {updated or 0} {are(updated)} of the newest template" if "updatedReplicas" in status else ""
    exist = "1 exists" if len(pods) == 1 else f"{len(pods)} exist"
    yield Finding(f"{ready} of {wanted} wanted pods are ready, {exist}{rolling}.", (version(obj),))
    blamed = [(pod, problem) for pod in pods if (problem := pod_problem(pod))]
    for pod, problem in blamed[:PODS_TOLD]:
        yield Finding(f"Pod {pod['metadata']['name']}: {problem}", (version(pod),))
    if len(blamed) > PODS_TOLD:
        more = len(blamed) - PODS_TOLD
        yield Finding(f"And {more} more {'pod that is' if more == 1 else 'pods that are'} not ready.")


def _unseen(obj: JSON) -> Iterator[Finding]:
    """Has its controller seen its latest spec?"""
    generation = obj["metadata"].get("generation")
    observed = obj.get("status", {}).get("observedGeneration")
    if generation and (observed or 0) < generation:
        text = f"Its controller has not acted on its latest change: it is at generation {generation}, the status is of "
        yield Finding(f"{text}{observed or 'none'}.", (version(obj),))


def pod_problem(pod: JSON) -> str:
    """In one sentence what keeps a pod from being ready, "" if nothing does."""
    if condition(pod, "Ready").get("status") == "True":
        return ""
    if not pod["spec"].get("nodeName"):
        return f"it has no node: {condition(pod, 'PodScheduled').get('message', 'not scheduled yet')}"
    if pod["metadata"].get("deletionTimestamp"):
        return "it is being deleted."
    problems = [found for one in container_statuses(pod) if (found := container_problem(one))]
    return (
        " ".join(problems)
        or f"it is {pod.get('status', {}).get('phase', 'Pending')}, without a report on its containers."
    )


def owned_pods(evidence: Evidence) -> list[JSON]:
    """Its own, and those of its ReplicaSets."""
    uid = (evidence.obj or {})["metadata"]["uid"]
    owners = {uid, *(one["metadata"]["uid"] for one in evidence.sets if _owner(one) == uid)}
    return [pod for pod in evidence.pods if _owner(pod) in owners]


def _owner(obj: JSON) -> str:
    refs = obj["metadata"].get("ownerReferences") or []
    return next((str(one["uid"]) for one in refs if one.get("controller")), "")


def told_conditions(evidence: Evidence) -> Iterator[Finding]:
    """Conditions that say what went wrong, and warnings."""
    obj = evidence.obj or {}
    for one in obj.get("status", {}).get("conditions") or []:
        bad = one["type"] in ("ReplicaFailure", "Failed") and one["status"] == "True"
        stuck = one["type"] == "Progressing" and one["status"] == "False"
        if bad or stuck:
            yield Finding(f"{one['type']}, {one.get('reason')}: {one.get('message')}", (cited(obj, one["type"]),))
    for event in [one for one in events_of(evidence) if one.get("type") == "Warning"][:2]:
        yield told_event(evidence, event)
