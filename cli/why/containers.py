"""Findings about a pod's containers: why they do not run, are not ready, or were started again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cli.why import claims, unseen
from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    ago,
    cited,
    cited_event,
    condition,
    container_statuses,
    events_of,
    older,
    replaced_by,
    said,
    told_event,
    version,
)

WORDS_CHARS: Final = 200  # of one of a container's last lines


def not_ready(evidence: Evidence) -> Iterator[Finding]:
    """Why a pod that has a node does not serve."""
    pod = evidence.obj or {}
    status = pod.get("status", {})
    if not pod["spec"].get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return
    if condition(pod, "Ready").get("status") == "True":
        yield Finding("It is Ready.", (cited(pod, "Ready"),))
        return
    yield from _node_silent(evidence, pod)
    statuses = list(container_statuses(pod))
    if not statuses and not list(unseen.by_kubelet(evidence)):
        text = f"The kubelet of {pod['spec']['nodeName']} has reported nothing of its containers yet."
        yield Finding(text, (version(pod),))
    for one in statuses:
        found = container_problem(one)
        if found and not _waits_for_another(one):
            yield Finding(found, (version(pod), *_about(evidence, one["name"])))
    yield from _probes(evidence)
    yield from claims.of_pod(evidence)
    yield from _failures(evidence, pod)
    for gate in pod["spec"].get("readinessGates") or []:
        kind = gate["conditionType"]
        if condition(pod, kind).get("status") != "True":
            yield Finding(f"Its readiness gate {kind} is not True.", (cited(pod, kind),))


def _failures(evidence: Evidence, pod: JSON) -> Iterator[Finding]:
    """Steps before a container that failed, unless one has been started since; and after."""
    started = _last_start(pod)
    mounts = events_of(evidence, "FailedMount", "FailedAttachVolume")
    for event in [one for one in mounts if not older(one, started)][:2]:
        yield told_event(evidence, event, "A volume is missing")
    sandboxes = events_of(evidence, "FailedCreatePodSandBox", "NetworkNotReady")
    hooks = events_of(evidence, "FailedPostStartHook")
    for event in [*(one for one in sandboxes if not older(one, started)), *hooks][:2]:
        yield told_event(evidence, event)


def _last_start(pod: JSON) -> str:
    """Of its containers, as an API timestamp; "" if none was started yet."""
    states = [one.get(field) or {} for one in container_statuses(pod) for field in ("state", "lastState")]
    ran = [one.get("running") or one.get("terminated") or {} for one in states]
    return max((one.get("startedAt") or "" for one in ran), default="")


def _waits_for_another(status: JSON) -> bool:
    """A container that waits for the init containers is not what is wrong."""
    return ((status.get("state") or {}).get("waiting") or {}).get("reason") == "PodInitializing"


def container_problem(status: JSON) -> str:
    """What keeps one container from being ready, "" if nothing does."""
    name, state = status["name"], status.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting is not None:
        message = f": {waiting['message']}" if waiting.get("message") else ""
        return f"Container {name} waits, {waiting.get('reason', 'no reason given')}{message}."
    if ended is not None and not (ended.get("exitCode") == 0 and status.get("ready")):
        return f"Container {name} has ended, {ended.get('reason')}, exit code {ended.get('exitCode')}."
    if state.get("running") is not None and not status.get("ready"):
        if status.get("started") is False:
            return f"Container {name} runs, but its startup probe has not passed yet."
        return f"Container {name} runs, but is not ready: its readiness probe has not passed."
    return ""


def _about(evidence: Evidence, container: str) -> tuple[str, ...]:
    words = ("BackOff", "Failed", "ErrImagePull", "Unhealthy")
    found = [one for one in events_of(evidence, *words) if container in str(one.get("involvedObject", {}))]
    return tuple(cited_event(evidence, one) for one in found[:1])


def _probes(evidence: Evidence) -> Iterator[Finding]:
    probes = said(evidence, "probe")
    for one in probes:
        facts = one.facts
        if facts["holds"] is True:
            continue
        answer = "has not answered yet"
        if "ok" in facts:
            verdict = {True: "passed", False: "failed", None: "could not be carried out"}[facts["ok"]]
            answer = f"last {verdict}{ago(evidence, facts['at'])}: {facts['message'] or 'no message'}"
        text = f"The {facts['probe']} probe of {facts['container']} {answer}."
        cited_ones = (cited_event(evidence, event) for event in events_of(evidence, "Unhealthy")[:1])
        yield Finding(text, (f"{one.component} probe", *cited_ones))
    if not probes:
        for event in events_of(evidence, "Unhealthy")[:1]:
            yield told_event(evidence, event, "A probe failed")


def _node_silent(evidence: Evidence, pod: JSON) -> Iterator[Finding]:
    name = pod["spec"]["nodeName"]
    node = next((one for one in evidence.nodes if one["metadata"]["name"] == name), None)
    if node is None:
        yield Finding(f"Its node {name} does not exist.", (version(pod),))
    elif condition(node, "Ready").get("status") != "True":
        about = condition(node, "Ready").get("message") or "it has never reported"
        yield Finding(f"Its node {name} is not Ready: {about}.", (cited(node, "Ready"),))
    kubelet = f"kubelet-{name}"
    if kubelet in evidence.away and not replaced_by(evidence, kubelet):
        yield Finding(f"{kubelet} {evidence.away[kubelet]}: nobody works on the pod.", (f"process {kubelet}",))


def restarted(evidence: Evidence) -> Iterator[Finding]:
    """Why containers were started again."""
    pod = evidence.obj or {}
    for one in container_statuses(pod):
        count = one.get("restartCount") or 0
        last = (one.get("lastState") or {}).get("terminated")
        if not count or last is None:
            continue
        times = "once" if count == 1 else f"{count} times"
        text = f"Container {one['name']} was restarted {times}; its last run ended at {last.get('finishedAt')}, "
        text += f"{last.get('reason')}, exit code {last.get('exitCode')}.{_because(pod, one['name'], last)}"
        killed = [e for e in events_of(evidence, "Killing") if "probe" in str(e.get("message"))]
        unhealthy = [e for e in events_of(evidence, "Unhealthy") if "Liveness" in str(e.get("message"))]
        if killed or unhealthy:
            text += f" Its liveness probe had failed: {(unhealthy or killed)[0].get('message')}"
        lines = last_words(evidence, one["name"])
        proof = (version(pod), *(cited_event(evidence, e) for e in (killed + unhealthy)[:2]))
        yield Finding(text, (*proof, _where(pod, one["name"])) if lines else proof, lines)


def _because(pod: JSON, container: str, ended: JSON) -> str:
    """More than a code, where there is more."""
    if ended.get("reason") == "OOMKilled":
        spec: JSON = next((one for one in pod["spec"].get("containers") or [] if one["name"] == container), {})
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        return f" It used more memory than its limit of {limit} allows." if limit else " The node had no memory left."
    return f" {ended['message']}" if ended.get("message") else ""


def last_words(evidence: Evidence, container: str) -> tuple[str, ...]:
    """What it said before it ended."""
    return tuple(f"log: {line[:WORDS_CHARS]}" for line in evidence.words.get(container, ()))


def _where(pod: JSON, container: str) -> str:
    metadata = pod["metadata"]
    return f"kubectl logs -n {metadata['namespace']} {metadata['name']} -c {container} --previous"
