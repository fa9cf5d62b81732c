"""Findings about a node. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.debugging.durations import show_duration
from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    age,
    cited,
    condition,
    events_of,
    older,
    ready_since,
    replaced_by,
    told_event,
    version,
)


def health(evidence: Evidence) -> Iterator[Finding]:
    node = evidence.obj or {}
    name = node["metadata"]["name"]
    ready = condition(node, "Ready")
    if ready.get("status") == "True":
        yield Finding("It is Ready.", (cited(node, "Ready"),))
    else:
        text = f"It is not Ready: {ready.get('reason', 'it has never reported')}: {ready.get('message', '')}".rstrip(
            ": "
        )
        yield Finding(f"{text}.", (cited(node, "Ready"),))
    yield from _lease(evidence, name)
    for process in (f"kubelet-{name}", f"runtime-{name}", f"kube-proxy-{name}"):
        if process in evidence.away and not replaced_by(evidence, process):
            yield Finding(f"{process} {evidence.away[process]}.", (f"process {process}",))
    for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"):
        if condition(node, kind).get("status") == "True":
            yield Finding(f"{kind}: {condition(node, kind).get('message')}", (cited(node, kind),))


def _lease(evidence: Evidence, name: str) -> Iterator[Finding]:
    """Its heartbeat: what the node lifecycle controller judges it by."""
    lease = next(iter(evidence.related.get("leases", [])), None)
    if lease is None:
        yield Finding("It has no lease: its kubelet has never renewed one.", (f"no lease/{name} in kube-node-lease",))
        return
    passed = age(evidence, lease["spec"].get("renewTime"))
    if passed is None:
        return
    seconds = lease["spec"].get("leaseDurationSeconds", 40)
    text = f"Its kubelet renewed its lease {show_duration(max(0.0, passed))} ago"
    text += "." if passed < seconds else f", which is more than the {seconds} s that it holds."
    yield Finding(text, (version(lease),))


def closed(evidence: Evidence) -> Iterator[Finding]:
    """What keeps pods away."""
    node = evidence.obj or {}
    spec = node.get("spec", {})
    if spec.get("unschedulable"):
        yield Finding("It is cordoned: the scheduler gives it no new pods.", (version(node),))
    for taint in spec.get("taints") or []:
        value = f"={taint['value']}" if taint.get("value") else ""
        effect = "evicts pods" if taint["effect"] == "NoExecute" else "keeps new pods away"
        text = f"Taint {taint['key']}{value}:{taint['effect']} {effect} that do not tolerate it."
        yield Finding(text, (version(node),))
    heard = [one for one in events_of(evidence) if one.get("type") == "Warning" or "Not" in one.get("reason", "")]
    for event in [one for one in heard if not _is_over(node, one)][:3]:
        yield told_event(evidence, event)


def _is_over(node: JSON, event: JSON) -> bool:
    """Does the node's state say otherwise since?"""
    if event.get("reason") == "NodeNotSchedulable":
        return not node.get("spec", {}).get("unschedulable")
    return event.get("reason") == "NodeNotReady" and older(event, ready_since(node))
