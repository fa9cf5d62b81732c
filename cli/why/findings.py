"""From evidence to findings: a table of what is asked about each kind, and what is asked about all. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from cli.why import batch, circumstances, claims, containers, deletion, nodes, pods, services, unseen, workloads
from cli.why.evidence import Evidence, Finding, cited, events_of, told_event

Finder = Callable[[Evidence], Iterator[Finding]]

_WORKLOAD: Final[tuple[Finder, ...]] = (workloads.replicas, workloads.told_conditions)


def conditions(evidence: Evidence) -> Iterator[Finding]:
    """Of a kind that nobody here knows better: what its status says, and warnings."""
    obj = evidence.obj or {}
    for one in obj.get("status", {}).get("conditions") or []:
        about = f" ({one['reason']})" if one.get("reason") else ""
        message = f": {one['message']}" if one.get("message") else ""
        yield Finding(f"{one['type']} is {one['status']}{about}{message}.", (cited(obj, one["type"]),))
    for event in [one for one in events_of(evidence) if one.get("type") == "Warning"][:3]:
        yield told_event(evidence, event)


FINDERS: Final[dict[str, tuple[Finder, ...]]] = {
    "pods": (
        pods.ended,
        pods.placement,
        unseen.by_kubelet,
        containers.not_ready,
        containers.restarted,
        pods.eviction_ahead,
        pods.last_pass,
    ),
    "services": (services.endpoints,),
    "nodes": (nodes.health, nodes.closed),
    "namespaces": (deletion.namespace,),
    "persistentvolumeclaims": (claims.claim,),
    "deployments": _WORKLOAD,
    "replicasets": _WORKLOAD,
    "statefulsets": _WORKLOAD,
    "daemonsets": _WORKLOAD,
    "replicationcontrollers": _WORKLOAD,
    "jobs": (batch.job,),
    "cronjobs": (batch.cron_job,),
}
GENERAL: Final[tuple[Finder, ...]] = (
    circumstances.last_looked,
    circumstances.on_the_way,
    circumstances.time_stands,
    circumstances.silent,
    circumstances.hidden,
)


def findings(evidence: Evidence) -> list[Finding]:
    """What is known, the most particular first."""
    particular: tuple[Finder, ...] = (deletion.missing,)
    if evidence.obj is not None:
        particular = (deletion.going, *FINDERS.get(evidence.ref.gvr.resource, (conditions,)))
    found = [one for finder in (*particular, *GENERAL) for one in finder(evidence)]
    if evidence.obj is not None and not found:
        found.append(Finding("Nothing is the matter with it that anybody here knows of.", ("its state and Events",)))
    return list(dict.fromkeys(replace(one, text=_sentence(one.text)) for one in found))


def _sentence(text: str) -> str:
    """Quoted messages bring line ends and full stops of their own."""
    plain = " ".join(text.split())
    return plain[:-1] if plain.endswith("..") else plain
