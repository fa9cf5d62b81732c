"""Findings about what is gone, going, or cannot go. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cli.debugging.durations import show_duration
from cli.why.evidence import Evidence, Finding, Past, age, cited, condition, events_of, told_event, version

_REMOVERS: Final = {
    "kubernetes": "the namespace controller removes it once the namespace is empty",
    "foregroundDeletion": "the garbage collector removes it once every dependent with blockOwnerDeletion is gone",
    "orphan": "the garbage collector removes it once the dependents are told that they have no owner any more",
    "batch.kubernetes.io/job-tracking": "the job controller removes it once the pod is counted in its Job's status",
    "kubernetes.io/pvc-protection": "nobody in this cluster removes it: claims are not protected here",
    "kubernetes.io/pv-protection": "nobody in this cluster removes it: volumes are not protected here",
}
_STRANGER: Final = "whoever put it there must remove it; kubectl patch with a list without it does so by force"
_LEFT_TOLD: Final = 12
_NAMESPACE_TROUBLE: Final = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
)


def missing(evidence: Evidence) -> Iterator[Finding]:
    """There is no such object; was there one?"""
    ref, past = evidence.ref, evidence.past
    where = f" in namespace {ref.namespace}" if ref.namespace else ""
    yield Finding(f"There is no {ref.shown}{where}.", ("the apiserver says 404",))
    if past is not None and past.gone:
        text = f"There was one: it was removed at revision {past.gone}{_by(past)}"
        state = (past.last or {}).get("status", {}).get("phase")
        text += f"; before that it was {state}." if state else "."
        yield Finding(text, _proof(past))
        if past.last is not None and (target := condition(past.last, "DisruptionTarget")).get("status") == "True":
            text = f"It was evicted, {target.get('reason')}: {target.get('message')}"
            yield Finding(text, (cited(past.last, "DisruptionTarget"),))
    for event in events_of(evidence)[:4]:
        yield told_event(evidence, event, f"Last heard of it: {event.get('reason')}")


def going(evidence: Evidence) -> Iterator[Finding]:
    """Since when, by whom, and what keeps it."""
    obj = evidence.obj or {}
    metadata = obj["metadata"]
    since = age(evidence, metadata.get("deletionTimestamp"))
    if since is None:
        return
    grace = metadata.get("deletionGracePeriodSeconds") or 0
    text = f"It is being deleted{_by(evidence.past)}, for {show_duration(max(0.0, since + grace))} now."
    if since < 0:
        text += f" It has {show_duration(-since)} left of its {grace} s to end by itself."
    yield Finding(text, (version(obj), *_proof(evidence.past)))
    for name in [*(metadata.get("finalizers") or []), *(obj.get("spec", {}).get("finalizers") or [])]:
        yield Finding(
            f"It stays until its finalizer {name} is gone: {_REMOVERS.get(name, _STRANGER)}.", (version(obj),)
        )
    if "foregroundDeletion" in (metadata.get("finalizers") or []):
        yield from _dependents(evidence, metadata["uid"])


def _dependents(evidence: Evidence, uid: str) -> Iterator[Finding]:
    blocking = [
        one
        for one in (*evidence.pods, *evidence.sets)
        for ref in one["metadata"].get("ownerReferences") or []
        if ref["uid"] == uid and ref.get("blockOwnerDeletion")
    ]
    if blocking:
        named = ", ".join(f"{one['kind'].lower()}/{one['metadata']['name']}" for one in blocking[:_LEFT_TOLD])
        yield Finding(f"These dependents are still there: {named}.", tuple(version(one) for one in blocking[:3]))


def namespace(evidence: Evidence) -> Iterator[Finding]:
    """What a namespace on its way out still holds."""
    obj = evidence.obj or {}
    if not obj["metadata"].get("deletionTimestamp"):
        yield Finding(f"It is {obj.get('status', {}).get('phase', 'Active')}.", (version(obj),))
        return
    for kind in _NAMESPACE_TROUBLE:
        if condition(obj, kind).get("status") == "True":
            yield Finding(f"{condition(obj, kind).get('message')}.", (cited(obj, kind),))
    if evidence.left:
        told = evidence.left[:_LEFT_TOLD]
        lines = [f"{one.key}{_waits(one.finalizers)}" for one in told]
        more = len(evidence.left) - len(told)
        lines += [f"and {more} more"] if more else []
        yield Finding("Still in it:", tuple(f"etcd key {one.key}" for one in told[:3]), tuple(lines))


def _waits(finalizers: tuple[str, ...]) -> str:
    return f", held by its finalizers {', '.join(finalizers)}" if finalizers else ""


def _by(past: Past | None) -> str:
    return f" (asked for by {past.asked_by})" if past is not None and past.asked_by else ""


def _proof(past: Past | None) -> tuple[str, ...]:
    if past is None:
        return ()
    revision = past.gone or past.marked
    found = [f"etcd revision {revision}"] if revision else []
    return (*found, *([f"orrery trace {past.trace}"] if past.trace else []))
