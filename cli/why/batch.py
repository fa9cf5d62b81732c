"""Findings about Jobs and CronJobs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from apimachinery.timestamps import format_time
from cli.debugging.durations import show_duration
from cli.debugging.numbers import counted
from cli.why.evidence import JSON, Evidence, Finding, age, ago, are, cited, condition, said, version
from cli.why.workloads import PODS_TOLD, owned_pods, pod_problem


def job(evidence: Evidence) -> Iterator[Finding]:
    """Has it ended, and if not, what does it wait for?"""
    obj = evidence.obj or {}
    spec, status = obj.get("spec", {}), obj.get("status", {})
    for kind, verdict in (("Complete", "It is complete"), ("Failed", "It has failed")):
        one = condition(obj, kind)
        if one.get("status") == "True":
            yield Finding(f"{verdict}, {one.get('reason')}: {one.get('message')}.", (cited(obj, kind),))
    if spec.get("suspend"):
        text = "It is suspended: it makes no pods, and ended those it had, until spec.suspend is false."
        yield Finding(text, (version(obj),))
        return
    wanted = spec.get("completions") or spec.get("parallelism") or 1
    counts = f"{counted(status.get('active') or 0, 'pod')} active, {status.get('succeeded') or 0} of {wanted} succeeded"
    limit, failed = spec.get("backoffLimit", 6), status.get("failed") or 0
    yield Finding(
        f"{counts}; {failed} failed, and it gives up after {limit} {'retry' if limit == 1 else 'retries'}.",
        (version(obj),),
    )
    yield from _deadline(evidence, obj)
    for pod in _failed_first(owned_pods(evidence))[:PODS_TOLD]:
        if problem := pod_problem(pod):
            yield Finding(f"Pod {pod['metadata']['name']}: {problem}", (version(pod),))


def _failed_first(pods: list[JSON]) -> list[JSON]:
    return sorted(pods, key=lambda pod: pod.get("status", {}).get("phase") != "Failed")


def _deadline(evidence: Evidence, obj: JSON) -> Iterator[Finding]:
    seconds = obj["spec"].get("activeDeadlineSeconds")
    since = age(evidence, obj.get("status", {}).get("startTime"))
    if seconds and since is not None and not obj["status"].get("completionTime"):
        left = show_duration(max(0.0, seconds - since))
        yield Finding(f"Its activeDeadlineSeconds of {seconds} end it in {left}.", (version(obj),))


def cron_job(evidence: Evidence) -> Iterator[Finding]:
    """When it ran last, when it runs next, and what keeps it from running."""
    obj = evidence.obj or {}
    spec, status = obj["spec"], obj.get("status", {})
    if spec.get("suspend"):
        yield Finding("It is suspended: no Job is made until spec.suspend is false.", (version(obj),))
    else:
        yield from _next(evidence, spec)
    last = age(evidence, status.get("lastScheduleTime"))
    ran = f"It last made a Job{ago(evidence, evidence.now - last)}" if last is not None else "It has never made a Job"
    active = len(status.get("active") or [])
    yield Finding(f"{ran}; {active} of its Jobs {are(active)} active.", (version(obj),))
    if status.get("active") and spec.get("concurrencyPolicy") == "Forbid":
        yield Finding("concurrencyPolicy Forbid: while a Job is active, no other is made.", (version(obj),))
    uid = obj["metadata"]["uid"]
    jobs = [one for one in evidence.related.get("jobs", []) if _owned_by(one, uid)]
    for one in jobs:
        if condition(one, "Failed").get("status") == "True":
            name, why = one["metadata"]["name"], condition(one, "Failed").get("message")
            yield Finding(f"Its Job {name} failed: {why}; orrery why job/{name} says more.", (cited(one, "Failed"),))


def _next(evidence: Evidence, spec: JSON) -> Iterator[Finding]:
    """Its controller knows: it has set its alarm."""
    zone = spec.get("timeZone") or "UTC"
    for one in said(evidence, "reconcile"):
        again = one.facts.get("again")
        if one.facts["controller"] == "cronjob" and again is not None:
            at = one.facts["at"] + again
            text = f"It runs next at {format_time(at)}, in {show_duration(max(0.0, at - evidence.now))}"
            yield Finding(f"{text}: its schedule is {spec['schedule']} ({zone}).", (f"{one.component} cronjob queue",))


def _owned_by(obj: JSON, uid: str) -> bool:
    return any(ref["uid"] == uid for ref in obj["metadata"].get("ownerReferences") or [])
