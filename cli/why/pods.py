"""Findings about a pod. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    cited,
    cited_event,
    condition,
    container_statuses,
    events_of,
    said,
    version,
)


def placement(evidence: Evidence) -> Iterator[Finding]:
    """Why this node and not another; or why none."""
    pod = evidence.obj or {}
    node = pod.get("spec", {}).get("nodeName", "")
    decisions = [one for one in said(evidence, "decision") if one.facts["uid"] == pod["metadata"]["uid"]]
    if node:
        placed = next((one for one in decisions if one.facts["node"] == node), None)
        if placed is None:
            about = (version(pod),)
            yield Finding(f"It is on node {node}; the scheduler remembers no decision about it any more.", about)
            return
        lines = table(placed.facts)
        text = f"It is on node {node}: no other node had more points in the scheduler's decision."
        best = max(one["total"] or 0 for one in placed.facts["nodes"])
        equals = sum(one["total"] == best for one in placed.facts["nodes"]) - 1
        if equals:
            text += f" {equals} had as many: among equals one is drawn."
        others = [one for one in placed.facts["nodes"] if one["node"] != node]
        if not others:
            text = f"It is on node {node}: there was no other."
        elif all(one["total"] is None for one in others):
            text = f"It is on node {node}: every other node was refused."
        yield Finding(text, (version(pod), "scheduler decision"), lines)
    elif pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
        yield from _unplaced(evidence, pod, decisions[0].facts if decisions else None)


def _unplaced(evidence: Evidence, pod: JSON, decision: JSON | None) -> Iterator[Finding]:
    gates = [one["name"] for one in pod["spec"].get("schedulingGates") or []]
    scheduler = pod["spec"].get("schedulerName") or "default-scheduler"
    if gates:
        yield Finding(f"It waits unscheduled: its scheduling gates {', '.join(gates)} are not lifted.", (version(pod),))
    elif scheduler != "default-scheduler":
        text = f"It asks for the scheduler {scheduler}: ours, default-scheduler, leaves it alone."
        yield Finding(text, (version(pod),))
    elif "scheduler" in evidence.away:
        yield Finding(f"It has no node, and the scheduler {evidence.away['scheduler']}.", (version(pod),))
    elif decision is not None:
        text = f"It is Pending because no node takes it: {decision['message']}"
        yield Finding(text, ("scheduler decision", cited(pod, "PodScheduled")), table(decision))
    else:
        about = condition(pod, "PodScheduled").get("message", "the scheduler has not decided about it yet")
        yield Finding(f"It has no node: {about}.", (cited(pod, "PodScheduled"),))
    for one in said(evidence, "scheduling queue"):
        facts = one.facts
        refused = ", ".join(facts["refused_by"])
        text = f"In the scheduler's queue it is {facts['place']}, after {facts['attempts']} attempts"
        text += f"; an event that may change the mind of {refused} moves it on." if refused else "."
        yield Finding(text, ("scheduler queue",))


def table(decision: JSON) -> tuple[str, ...]:
    """One line per node: its points, plugin by plugin, or who refused it and why."""
    lines = []
    for one in decision["nodes"]:
        if one["total"] is None:
            lines.append(f"{one['node']}: refused by {one['refused_by']}: {'; '.join(one['reasons'])}")
        else:
            scores = ", ".join(f"{plugin} {points}" for plugin, points in sorted(one["scores"].items()))
            lines.append(f"{one['node']}: {one['total']} points ({scores})")
    if decision.get("left_out"):
        lines.append(f"and {decision['left_out']} more nodes")
    return tuple(lines)


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
    if not statuses:
        text = f"The kubelet of {pod['spec']['nodeName']} has reported nothing of its containers yet."
        yield Finding(text, (version(pod),))
    for one in statuses:
        found = container_problem(one)
        if found:
            yield Finding(found, (version(pod), *_about(evidence, one["name"])))
    yield from _probes(evidence)
    for event in events_of(evidence, "FailedMount", "FailedAttachVolume")[:2]:
        yield Finding(f"A volume is missing: {event.get('message')}", (cited_event(event),))
    for gate in pod["spec"].get("readinessGates") or []:
        kind = gate["conditionType"]
        if condition(pod, kind).get("status") != "True":
            yield Finding(f"Its readiness gate {kind} is not True.", (cited(pod, kind),))


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
    return tuple(cited_event(one) for one in found[:1])


def _probes(evidence: Evidence) -> Iterator[Finding]:
    probes = said(evidence, "probe")
    for one in probes:
        facts = one.facts
        if facts["holds"] is True:
            continue
        answer = "has not answered yet"
        if "ok" in facts:
            verdict = {True: "passed", False: "failed", None: "could not be carried out"}[facts["ok"]]
            answer = f"last {verdict}{_ago(evidence, facts['at'])}: {facts['message'] or 'no message'}"
        text = f"The {facts['probe']} probe of {facts['container']} {answer}."
        yield Finding(text, (f"{one.component} probe", *(cited_event(e) for e in events_of(evidence, "Unhealthy")[:1])))
    if not probes:
        for event in events_of(evidence, "Unhealthy")[:1]:
            yield Finding(f"A probe failed: {event.get('message')}", (cited_event(event),))


def _node_silent(evidence: Evidence, pod: JSON) -> Iterator[Finding]:
    name = pod["spec"]["nodeName"]
    node = next((one for one in evidence.nodes if one["metadata"]["name"] == name), None)
    if node is None:
        yield Finding(f"Its node {name} does not exist.", (version(pod),))
    elif condition(node, "Ready").get("status") != "True":
        about = condition(node, "Ready").get("message") or "it has never reported"
        yield Finding(f"Its node {name} is not Ready: {about}.", (cited(node, "Ready"),))
    kubelet = f"kubelet-{name}"
    if kubelet in evidence.away:
        yield Finding(f"{kubelet} {evidence.away[kubelet]}: nobody works on the pod.", (f"process {kubelet}",))


def restarted(evidence: Evidence) -> Iterator[Finding]:
    """Why containers were started again."""
    pod = evidence.obj or {}
    for one in container_statuses(pod):
        count = one.get("restartCount") or 0
        last = (one.get("lastState") or {}).get("terminated")
        if not count or last is None:
            continue
        text = f"Container {one['name']} was restarted {count} times; the last run ended at {last.get('finishedAt')}"
        text += f", {last.get('reason')}, exit code {last.get('exitCode')}."
        killed = [e for e in events_of(evidence, "Killing") if "probe" in str(e.get("message"))]
        unhealthy = [e for e in events_of(evidence, "Unhealthy") if "Liveness" in str(e.get("message"))]
        if killed or unhealthy:
            text += f" Its liveness probe had failed: {(unhealthy or killed)[0].get('message')}"
        yield Finding(text, (version(pod), *(cited_event(e) for e in (killed + unhealthy)[:2])))


def ended(evidence: Evidence) -> Iterator[Finding]:
    """Why it was evicted, failed, or is being deleted."""
    pod = evidence.obj or {}
    status = pod.get("status", {})
    target = condition(pod, "DisruptionTarget")
    if target.get("status") == "True":
        text = f"It was evicted, {target.get('reason')}: {target.get('message')}"
        yield Finding(text, (cited(pod, "DisruptionTarget"),))
    elif status.get("phase") == "Failed" or status.get("reason") == "Evicted":
        text = f"It failed, {status.get('reason') or 'its containers ended so'}: {status.get('message') or ''}".rstrip(
            ": "
        )
        yield Finding(f"{text}.", (version(pod),))
        for one in container_statuses(pod):
            if found := container_problem(one):
                yield Finding(found, (version(pod),))
    elif status.get("phase") == "Succeeded":
        yield Finding("It has succeeded: all its containers ended with 0 and none is to be restarted.", (version(pod),))
    for event in events_of(evidence, "Evicted", "TaintManagerEviction", "Preempted", "NodeNotReady")[:2]:
        yield Finding(f"{event.get('reason')}: {event.get('message')}", (cited_event(event),))
    yield from _deleting(evidence, pod)


def _deleting(evidence: Evidence, pod: JSON) -> Iterator[Finding]:
    metadata = pod["metadata"]
    if not metadata.get("deletionTimestamp"):
        return
    waits = metadata.get("finalizers") or []
    text = f"It is being deleted since {metadata['deletionTimestamp']}"
    text += f"; it stays until the finalizers {', '.join(waits)} are gone." if waits else "; its kubelet ends it."
    yield Finding(text, (version(pod),))


def last_pass(evidence: Evidence) -> Iterator[Finding]:
    for one in said(evidence, "sync"):
        facts = one.facts
        text = f"{one.component} last looked at it{_ago(evidence, facts['at'])} and decided: "
        text += f"{facts['decided'] or 'nothing yet'}. Now it is {facts['now']}"
        text += f", after {facts['failures']} failures." if facts["failures"] else "."
        yield Finding(text, (f"{one.component} sync",))


def _ago(evidence: Evidence, at: float) -> str:
    return f" {max(0.0, evidence.now - at):.1f} s ago" if at else ""
