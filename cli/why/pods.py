"""Findings about a pod. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.debugging.durations import show_duration
from cli.debugging.numbers import counted
from cli.why import unseen
from cli.why.containers import container_problem, last_words
from cli.why.evidence import (
    JSON,
    Evidence,
    Finding,
    age,
    ago,
    cited,
    condition,
    container_statuses,
    events_of,
    older,
    own_held,
    ready_since,
    replaced_by,
    said,
    told_event,
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
            about = "the scheduler remembers no decision about it any more"
            if replaced_by(evidence, "scheduler"):
                about = "its scheduler is a replacement, which tells nothing of its decisions"
            yield Finding(f"It is on node {node}; {about}.", (version(pod),))
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
    elif replaced_by(evidence, "scheduler"):
        text = "It has no node yet; its scheduler is a replacement, which tells nothing of its decisions."
        yield Finding(text, (version(pod),))
    elif "scheduler" in evidence.away:
        yield Finding(
            f"It has no node, and the scheduler gives no answer: {evidence.away['scheduler']}.", (version(pod),)
        )
    elif decision is not None and decision["node"]:
        yield _undone(evidence, pod, decision)
    elif decision is not None:
        text = f"It is Pending because no node takes it: {decision['message']}"
        yield Finding(text, ("scheduler decision", cited(pod, "PodScheduled")), table(decision))
    elif unknown := list(unseen.by_scheduler(evidence)):
        yield from unknown
    else:
        about = condition(pod, "PodScheduled").get("message", "the scheduler has not decided about it yet")
        yield Finding(f"It has no node: {about}.", (cited(pod, "PodScheduled"),))
    for one in said(evidence, "scheduling queue"):
        if one.facts["place"] != "in flight" or not (decision and decision["node"]):
            yield Finding(_queued(one.facts), ("scheduler queue",))


def _undone(evidence: Evidence, pod: JSON, decision: JSON) -> Finding:
    """A node was chosen, and the pod does not have it: its binding is under way, is held, or failed."""
    own = own_held(evidence)
    again = any(one.edge == "schedule:cycle" for one in own)  # it is before its next decision
    again = again or any(one.facts["place"] != "in flight" for one in said(evidence, "scheduling queue"))
    binding = [one for one in own if one.edge.startswith(("schedule:bind", "rpc:", "serve:", "etcd:txn"))]
    text = f"The scheduler has decided for {decision['node']}; it is not bound yet"
    if binding:
        text += f": its binding is held at {binding[0].edge} ({binding[0].rule}; orrery release {binding[0].id})"
    elif again:
        why = condition(pod, "PodScheduled").get("message", "nobody says why yet")
        text = f"The scheduler had decided for {decision['node']}, but could not bind it: {why}"
    return Finding(f"{text}.", ("scheduler decision", cited(pod, "PodScheduled")), table(decision))


def _queued(facts: JSON) -> str:
    """Where it is in the scheduler's queue, and what moves it on."""
    if facts["place"] == "in flight":
        return f"The scheduler has taken it from its queue and is at work on it, attempt {facts['attempts']}."
    refused = ", ".join(facts["refused_by"])
    after = f"after {counted(facts['attempts'], 'attempt')}"
    if facts["place"] == "backoff":
        return (
            f"In the scheduler's queue it backs off {after}; it is tried again in {show_duration(facts['ready_in'])}."
        )
    text = f"In the scheduler's queue it is {facts['place']}, {after}"
    return f"{text}; an event that may change the mind of {refused} moves it on." if refused else f"{text}."


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


def ended(evidence: Evidence) -> Iterator[Finding]:
    """Why it was evicted, or has ended."""
    pod = evidence.obj or {}
    status = pod.get("status", {})
    target = condition(pod, "DisruptionTarget")
    if target.get("status") == "True":
        text = f"It was evicted, {target.get('reason')}: {target.get('message')}"
        yield Finding(text, (cited(pod, "DisruptionTarget"),))
    elif status.get("phase") == "Failed" or status.get("reason") == "Evicted":
        yield Finding(f"{_failure(status)}.", (version(pod),))
        for one in container_statuses(pod):
            if found := container_problem(one):
                yield Finding(found, (version(pod),), last_words(evidence, one["name"]))
    elif status.get("phase") == "Succeeded":
        yield Finding("It has succeeded: all its containers ended with 0 and none is to be restarted.", (version(pod),))
    events = events_of(evidence, "Evicted", "TaintManagerEviction", "Preempted", "NodeNotReady")
    for event in [one for one in events if not _is_over(evidence, one)][:2]:
        yield told_event(evidence, event)


def _is_over(evidence: Evidence, event: JSON) -> bool:
    """Is the pod Ready since, or its node that was not?"""
    pod = evidence.obj or {}
    node = _node(evidence) if event.get("reason") == "NodeNotReady" else {}
    return older(event, ready_since(pod)) or older(event, ready_since(node))


def _node(evidence: Evidence) -> JSON:
    """The pod's; {} if it has none, or one that is not there."""
    name = (evidence.obj or {}).get("spec", {}).get("nodeName")
    return next((one for one in evidence.nodes if one["metadata"]["name"] == name), {})


def last_pass(evidence: Evidence) -> Iterator[Finding]:
    for one in said(evidence, "sync"):
        facts = one.facts
        text = f"{one.component} last looked at it{ago(evidence, facts['at'])} and decided: "
        text += f"{facts['decided'] or 'nothing yet'}. Now it is {_waits(evidence, facts)}"
        text += f", after {counted(facts['failures'], 'failure')}." if facts["failures"] else "."
        yield Finding(text, (f"{one.component} sync",))


def _waits(evidence: Evidence, facts: JSON) -> str:
    """What the kubelet does about it now, and when it does more without being told to."""
    now, at = str(facts["now"]), facts.get("wakes_at")
    if not now.startswith("waiting"):
        return now
    again = f" in {show_duration(max(0.0, at - evidence.now))}" if at is not None else ""
    if facts["failures"]:
        return f"going to try again{again}"
    return f"{now}, and looks again{again}" if again else now


def _failure(status: JSON) -> str:
    why = f"It failed, {status.get('reason') or 'its containers ended so'}"
    return f"{why}: {status['message']}" if status.get("message") else why


def eviction_ahead(evidence: Evidence) -> Iterator[Finding]:
    """Its node's taints drive it away, at once or when its tolerations run out."""
    pod, node = evidence.obj or {}, _node(evidence)
    for taint in node.get("spec", {}).get("taints") or []:
        if taint["effect"] != "NoExecute":
            continue
        shown = f"{taint['key']}{'=' + taint['value'] if taint.get('value') else ''}:NoExecute"
        seconds = tolerated_seconds(pod["spec"].get("tolerations") or [], taint)
        proof = (version(node), version(pod))
        if seconds is None:
            yield Finding(f"It tolerates its node's taint {shown} for ever.", proof)
            continue
        passed = age(evidence, taint.get("timeAdded")) or 0.0
        left = show_duration(max(0.0, seconds - passed))
        text = f"Its node has had the taint {shown} for {show_duration(passed)}, which it tolerates for {seconds:g} s: "
        yield Finding(f"{text}it is evicted in {left}." if seconds > passed else f"{text}it is to be evicted.", proof)


def tolerated_seconds(tolerations: list[JSON], taint: JSON) -> float | None:
    """How long a taint is tolerated: 0 not at all, None for ever. The shortest of those that fit counts."""
    fitting = [one for one in tolerations if _tolerates(one, taint)]
    if not fitting:
        return 0.0
    limits = [float(one["tolerationSeconds"]) for one in fitting if one.get("tolerationSeconds") is not None]
    return max(0.0, min(limits)) if limits else None


def _tolerates(toleration: JSON, taint: JSON) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")
