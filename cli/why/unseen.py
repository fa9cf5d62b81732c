"""Findings about who has not heard of a pod, or of its last change: an event that is never seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.debugging.numbers import counted
from cli.why.evidence import JSON, Evidence, Finding, Said, said, version


def by_kubelet(evidence: Evidence) -> Iterator[Finding]:
    """Its kubelet answers, but has not heard of it, or not of what changed last."""
    pod = evidence.obj or {}
    node = pod.get("spec", {}).get("nodeName")
    if not node or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return
    kubelet, uid = f"kubelet-{node}", pod["metadata"]["uid"]
    told = [one for one in evidence.said if one.component == kubelet]
    passes = [one for one in told if one.topic == "sync"]
    known = [one for one in passes if one.facts.get("uid", uid) == uid]
    for one in known:
        yield from _behind(pod, one)
    if not known and passes:
        yield _unknown(kubelet, pod, f"{kubelet} knows an earlier pod of that name")
    for one in [one for one in told if one.topic == "unknown"]:
        if one.facts["listed"]:
            yield _unknown(kubelet, pod, f"{kubelet} knows {counted(one.facts['pods'], 'pod')}, not this one")
        else:
            yield Finding(f"{kubelet} has not listed its pods yet: it does not know of it.", (f"{kubelet} cache",))


def by_scheduler(evidence: Evidence) -> Iterator[Finding]:
    """For a pod without a node that the scheduler should have in its queue."""
    pod = evidence.obj or {}
    if pod["metadata"].get("deletionTimestamp"):
        return
    for one in said(evidence, "unknown"):
        if one.component == "scheduler":
            waiting = counted(one.facts["waiting"], "pod")
            yield _unknown("scheduler", pod, f"the scheduler's queue holds {waiting}, not this one", "It has no node: ")


def _unknown(who: str, pod: JSON, proof: str, so: str = "") -> Finding:
    text = f"{so}{who} does not know of it: the event that tells of it has not reached it (lost, held or delayed?). "
    return Finding(f"{text}Restarted, it lists all anew: orrery restart {who}.", (proof, version(pod)))


def _behind(pod: JSON, one: Said) -> Iterator[Finding]:
    """Revisions of one object only grow, unless etcd was restored."""
    seen, now = str(one.facts.get("revision", "")), str(pod["metadata"].get("resourceVersion", ""))
    if seen.isdigit() and now.isdigit() and int(seen) < int(now):
        text = (
            f"{one.component} has not seen its last change: it knows revision {seen}, and it is at {now} (is the event "
        )
        text += f"lost, held or delayed?). Restarted, it lists all anew: orrery restart {one.component}."
        yield Finding(text, (f"{one.component} sync", version(pod)))
