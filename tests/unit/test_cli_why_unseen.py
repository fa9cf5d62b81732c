"""Bindings held, events never seen, rules used up, replacements, and what is over: tables; what a kubelet tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apimachinery.timestamps import format_time
from cli.why.evidence import HeldMessage, RuleInForce, Said
from tests.support.why_cases import NODE_OK, Case, check, decision, event, obj, pod, ready, refused, scored, state
from tests.unit.kubelet_harness import World, container, quiet
from wire.rules import Action, Rule

JSON = dict[str, Any]
NOW = 1_000_000.0
SWAPPED = {
    "away": {"scheduler": "does not answer"},
    "notes": {"scheduler": "replaced by python mine.py (orrery swap scheduler --back)"},
}


def at(seconds_ago: float) -> str:
    return format_time(NOW - seconds_ago)


def seen(reason: str, seconds_ago: float) -> JSON:
    return {**event(reason, "message"), "lastTimestamp": at(seconds_ago)}


def ready_for(seconds: float) -> JSON:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": at(seconds)}]
    return {"phase": "Running", "conditions": conditions}


def queued(place: str, attempts: int = 1) -> Said:
    facts = {"uid": "uid-web", "place": place, "attempts": attempts, "refused_by": [], "ready_in": 3.0}
    return Said("scheduler", "scheduling queue", facts)


def sync(**facts: Any) -> Said:
    plain = {"uid": "uid-web", "revision": "7", "decided": "d", "at": NOW - 1, "failures": 0, "wakes_at": None}
    return Said("kubelet-n1", "sync", {**plain, "now": "waiting for something to change", **facts})


def unknown(component: str, **facts: Any) -> Said:
    return Said(component, "unknown", facts)


def started(seconds_ago: float) -> JSON:
    found = state()
    found["containerStatuses"][0]["state"] = {"running": {"startedAt": at(seconds_ago)}}
    return found


CHOSEN = decision("n1", scored("n1", 9), refused("n2", "P", "r"))
TWO = [RuleInForce(f"kubelet-{n}", "watch:pods", "fault (drop)", "f", taken=n, count=1) for n in (0, 1)]
CASES = {
    "a binding that is held": Case(
        "pod/web",
        {
            "obj": pod(node=""),
            "said": [CHOSEN, queued("in flight")],
            "held": [
                HeldMessage("scheduler", "schedule:bind", "Pod", "default", "web", "hold-1", 2.0, 12, "bind to n1")
            ],
        },
        ["The scheduler has decided for n1; it is not bound yet: its binding is held at schedule:bind",
         "(hold-1; orrery release scheduler:12)", "n1: 9 points", "at schedule:bind for 2 s: bind to n1."],
        ["no node takes it", "in flight"],
    ),
    "a binding under way": Case(
        "pod/web", {"obj": pod(node=""), "said": [CHOSEN, queued("in flight")]},
        ["The scheduler has decided for n1; it is not bound yet."],
    ),
    "a binding that failed": Case(
        "pod/web",
        {"obj": pod(node="", status={"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "dropped"}]}),
         "said": [CHOSEN, queued("backoff")]},
        ["had decided for n1, but could not bind it: dropped.",
         "it backs off after 1 attempt; it is tried again in 3 s"],
    ),
    "a binding that failed, and the next cycle is held": Case(
        "pod/web",
        {"obj": pod(node=""), "said": [CHOSEN, queued("in flight", 2)],
         "held": [HeldMessage("scheduler", "schedule:cycle", "Pod", "default", "web", "hold-1", 2.0)]},
        ["had decided for n1, but could not bind it"], ["not bound yet"],
    ),
    "taken from the queue, not decided": Case(
        "pod/web", {"obj": pod(node=""), "said": [queued("in flight", 2)]}, ["is at work on it, attempt 2"]
    ),
    "the scheduler never heard of it": Case(
        "pod/web",
        {"obj": pod(node=""), "said": [unknown("scheduler", waiting=1, placed=0)]},
        ["It has no node: scheduler does not know of it: the event that tells of it has not reached it",
         "orrery restart scheduler", "the scheduler's queue holds 1 pod, not this one"],
        ["has not decided about it yet"],
    ),
    "the kubelet never heard of it": Case(
        "pod/web",
        {"obj": pod(), "nodes": [NODE_OK], "said": [
            unknown("kubelet-n1", pods=2, listed=True), unknown("kubelet-n2", pods=0, listed=True),
            unknown("scheduler", waiting=0, placed=0)]},
        ["kubelet-n1 does not know of it: the event that tells of it has not reached it",
         "kubelet-n1 knows 2 pods, not this one", "orrery restart kubelet-n1"],
        ["kubelet-n2", "scheduler does not know", "reported nothing of its containers"],
    ),
    "the kubelet has not listed yet": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "said": [unknown("kubelet-n1", pods=0, listed=False)]},
        ["kubelet-n1 has not listed its pods yet"],
        ["lost"],
    ),
    "the kubelet knows an earlier one of the name": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "said": [sync(uid="earlier")]},
        ["kubelet-n1 does not know of it", "knows an earlier pod of that name"],
    ),
    "the kubelet has not seen the last change": Case(
        "pod/web", {"obj": pod(resourceVersion="12"), "nodes": [NODE_OK], "said": [sync(revision="9")]},
        ["kubelet-n1 has not seen its last change: it knows revision 9, and it is at 12"],
    ),
    "the kubelet has seen all": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "said": [sync()]},
        ["Now it is waiting for something to change."], ["has not seen", "does not know"],
    ),
    "a kubelet that tries again": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "said": [sync(failures=1, wakes_at=NOW + 12)]},
        ["Now it is going to try again in 12 s, after 1 failure."], ["waiting"],
    ),
    "a kubelet that looks again by itself": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "said": [sync(wakes_at=NOW + 100)]},
        ["waiting for something to change, and looks again in 1m40s."],
    ),
    "a rule that is used up": Case(
        "pod/web", {"obj": pod(), "rules": TWO[1:]},
        ["A fault (drop) at watch:pods in kubelet-1 is used up: it took 1 message, and takes no more"], ["in force"],
    ),
    "a rule that is used up in one of two": Case(
        "pod/web", {"obj": pod(), "rules": TWO},
        ["is in force at watch:pods in kubelet-0; it took 1 message, and is used up in kubelet-1"],
    ),
    "a replaced scheduler, a pod with a node": Case(
        "pod/web", {"obj": pod(status=ready()), "nodes": [NODE_OK], **SWAPPED},
        ["It is on node n1; its scheduler is a replacement, which tells nothing of its decisions",
         "scheduler is replaced by python mine.py (orrery swap scheduler --back), which tells nothing of what it"],
        ["gave no answer", "no pod gets a node"],
    ),
    "a replaced scheduler, a pod without": Case(
        "pod/web", {"obj": pod(node=""), **SWAPPED}, ["It has no node yet; its scheduler is a repl"], ["no answer"]
    ),
    "a replacement that is down": Case(
        "pod/web", {"obj": pod(node=""), **SWAPPED, "away": {"scheduler": "down"}},
        ["scheduler gave no answer: down", "scheduler is not as usual: replaced by"],
    ),
    "a node that is Ready since": Case(
        "pod/web", {"obj": pod(status=ready_for(60)), "nodes": [NODE_OK], "events": [seen("NodeNotReady", 120)]},
        ["It is Ready"], ["NodeNotReady"],
    ),
    "a node that is Ready since, the pod is not": Case(
        "pod/web",
        {"obj": pod(), "nodes": [obj("Node", "n1", status=ready_for(60))], "events": [seen("NodeNotReady", 120)]},
        ["reported nothing"], ["NodeNotReady"],
    ),
    "an eviction since": Case(
        "pod/web", {"obj": pod(status=ready_for(60)), "nodes": [NODE_OK], "events": [seen("TaintManagerEviction", 30)]},
        ["TaintManagerEviction (30 s ago): message", "TaintManagerEviction (1x, kubelet, 30 s ago)"],
    ),
    "a volume that was missing": Case(
        "pod/web", {"obj": pod(status=started(60)), "nodes": [NODE_OK], "events": [
            seen("FailedMount", 120), seen("FailedCreatePodSandBox", 120), seen("FailedPostStartHook", 60)]},
        ["FailedPostStartHook (1m ago)"], ["A volume is missing", "FailedCreatePodSandBox"],
    ),
    "a volume that is missing": Case(
        "pod/web", {"obj": pod(), "nodes": [NODE_OK], "events": [seen("FailedMount", 120)]},
        ["A volume is missing (2m ago): message"],
    ),
    "a node's Events that are over": Case(
        "node/n1",
        {"obj": obj("Node", "n1", status=ready_for(60)), "events": [
            seen("NodeNotReady", 90), seen("NodeNotSchedulable", 90), seen("Rebooted", 90)]},
        ["Rebooted (1m30s ago)"], ["NodeNotReady", "NodeNotSchedulable"],
    ),
    "a node's Events that are not": Case(
        "node/n1",
        {"obj": obj("Node", "n1", {"unschedulable": True}),
         "events": [seen("NodeNotReady", 90), seen("NodeNotSchedulable", 90)]},
        ["NodeNotReady (1m30s ago)", "NodeNotSchedulable (1m30s ago)"],
    ),
    "one of each": Case(
        "job/j", {"obj": obj("Job", "j", {"backoffLimit": 1}, {"active": 1})},
        ["1 pod active, 0 of 1 succeeded", "gives up after 1 retry."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str) -> None:
    case = CASES[name]
    case.evidence.setdefault("now", NOW)
    check(case)


async def test_what_a_kubelet_knows_and_when_it_looks_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.runtime(), world.running() as kubelet:
        known = await world.create_pod("known", {"containers": [container()]})
        world.seams.gates.add(Rule("watch:pods", Action.DROP, name="lost"))
        await world.create_pod("lost", {"containers": [container()]})
        await quiet()
        assert list(kubelet.loop.explain("pods", "default", "lost")) == [("unknown", {"pods": 1, "listed": True})]
        (topic, facts) = next(iter(kubelet.loop.explain("pods", "default", "known")))
        newest = (await world.pod("known")).metadata.resource_version
        assert (topic, facts["uid"], facts["revision"], facts["wakes_at"]) == ("sync", known.uid, newest, None)


async def test_a_kubelet_says_when_it_tries_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.runtime(), world.running() as kubelet:
        volume = {"name": "v", "configMap": {"name": "none"}}
        mounted = container(volumeMounts=[{"name": "v", "mountPath": "/v"}])
        await world.create_pod("web", {"containers": [mounted], "volumes": [volume]})
        await quiet()
        facts = dict(kubelet.loop.explain("pods", "default", "web"))["sync"]
        assert facts["wakes_at"] > world.clock.time()
