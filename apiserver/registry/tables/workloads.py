"""Tables of what makes pods: apps, batch, replication controllers, autoscalers and budgets."""

from __future__ import annotations

from typing import Any

from apimachinery.timestamps import parse_time
from apiserver.registry.tables.cells import (
    AGE,
    CONTAINERS,
    IMAGES,
    JSON,
    NAME,
    NONE,
    SELECTOR,
    UNKNOWN,
    UNSET,
    Cells,
    Column,
    Table,
    age,
    condition,
    containers,
    first_few,
    human_duration,
    labels,
    metadata,
    name,
    number,
    selector,
    since,
    spec,
    status,
    template_spec,
    truth,
)

TEMPLATE = (CONTAINERS, IMAGES, SELECTOR)
METRICS_SHOWN = 2


def _count(holder: JSON, key: str) -> int:
    return int(holder.get(key) or 0)


def _template(obj: JSON) -> Cells:
    return [*containers(template_spec(obj)), selector(spec(obj).get("selector"))]


def _deployment(obj: JSON, now: float) -> Cells:
    found = status(obj)
    ready = f"{_count(found, 'readyReplicas')}/{_count(spec(obj), 'replicas')}"
    updated, available = _count(found, "updatedReplicas"), _count(found, "availableReplicas")
    return [name(obj), ready, updated, available, age(obj, now), *_template(obj)]


def _replicas(obj: JSON, now: float) -> Cells:
    found = status(obj)
    return [name(obj), _count(spec(obj), "replicas"), _count(found, "replicas"), _count(found, "readyReplicas"),
            age(obj, now)]  # fmt: skip


def _replicaset(obj: JSON, now: float) -> Cells:
    return [*_replicas(obj, now), *_template(obj)]


def _replicationcontroller(obj: JSON, now: float) -> Cells:
    return [*_replicas(obj, now), *containers(template_spec(obj)), labels(spec(obj).get("selector"))]


def _statefulset(obj: JSON, now: float) -> Cells:
    ready = f"{_count(status(obj), 'readyReplicas')}/{_count(spec(obj), 'replicas')}"
    return [name(obj), ready, age(obj, now), *containers(template_spec(obj))]


_DAEMON_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)


def _daemonset(obj: JSON, now: float) -> Cells:
    counts = [_count(status(obj), key) for key in _DAEMON_COUNTS]
    nodes = labels(template_spec(obj).get("nodeSelector"))
    return [name(obj), *counts, nodes, age(obj, now), *_template(obj)]


def _job(obj: JSON, now: float) -> Cells:
    return [name(obj), _job_status(obj), _completions(obj), _job_duration(obj, now), age(obj, now), *_template(obj)]


_JOB_STATES = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)
"""(condition, word), the first that holds; the one without a condition is for a job being deleted."""


def _job_status(obj: JSON) -> str:
    for kind, word in _JOB_STATES:
        if (condition(obj, kind) == "True") if kind else metadata(obj).get("deletionTimestamp"):
            return word
    return "Running"


def _completions(obj: JSON) -> str:
    succeeded, wanted = _count(status(obj), "succeeded"), spec(obj).get("completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallelism = _count(spec(obj), "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(obj: JSON, now: float) -> str:
    start, end = status(obj).get("startTime"), status(obj).get("completionTime")
    if not start:
        return ""
    return human_duration((parse_time(end) if end else now) - parse_time(start))


def _cronjob(obj: JSON, now: float) -> Cells:
    job = spec(obj).get("jobTemplate") or {}
    last = status(obj).get("lastScheduleTime")
    return [
        name(obj),
        spec(obj).get("schedule") or "",
        spec(obj).get("timeZone") or NONE,
        truth(spec(obj).get("suspend")),
        len(status(obj).get("active") or ()),
        since(last, now) if last else NONE,
        age(obj, now),
        *_template(job),
    ]


def _autoscaler(obj: JSON, now: float) -> Cells:
    target = spec(obj).get("scaleTargetRef") or {}
    minimum = spec(obj).get("minReplicas")
    return [
        name(obj),
        f"{target.get('kind')}/{target.get('name')}",
        _metrics(obj),
        UNSET if minimum is None else str(minimum),
        _count(spec(obj), "maxReplicas"),
        _count(status(obj), "currentReplicas"),
        age(obj, now),
    ]


def _metrics(obj: JSON) -> str:
    current = status(obj).get("currentMetrics") or []
    shown = []
    for index, metric in enumerate(spec(obj).get("metrics") or ()):
        kind = metric.get("type") or ""
        field = kind[:1].lower() + kind[1:]
        now = (current[index].get(field) or {}).get("current") if index < len(current) else None
        shown.append(_metric(kind, metric.get(field) or {}, now or {}))
    return first_few(shown, METRICS_SHOWN, ", ", NONE)


def _metric(kind: str, source: JSON, now: JSON) -> str:
    target = source.get("target") or {}
    label = f"{source.get('name')}: " if kind in ("Resource", "ContainerResource") else ""
    if target.get("averageValue") is not None:
        suffix = " (avg)" if kind in ("External", "Object") else ""
        return f"{label}{now.get('averageValue', UNKNOWN)}/{target['averageValue']}{suffix}"
    if not label:
        return f"{now.get('value', UNKNOWN)}/{target.get('value', '<auto>')}"
    percents = _percent(now.get("averageUtilization"), UNKNOWN), _percent(target.get("averageUtilization"), "<auto>")
    return label + "/".join(percents)


def _percent(value: Any, otherwise: str) -> str:
    return otherwise if value is None else f"{value}%"


def _autoscaler_v1(obj: JSON, now: float) -> Cells:
    """autoscaling/v1 knows one metric, the use of CPU."""
    wanted, found = spec(obj).get("targetCPUUtilizationPercentage"), status(obj)
    current = found.get("currentCPUUtilizationPercentage")
    cells = _autoscaler(obj, now)
    cells[2] = f"cpu: {_percent(current, UNKNOWN)}/{_percent(wanted, '<auto>')}"
    return cells


def _budget(obj: JSON, now: float) -> Cells:
    least, most = spec(obj).get("minAvailable"), spec(obj).get("maxUnavailable")
    shown = ["N/A" if value is None else str(value) for value in (least, most)]
    return [name(obj), *shown, _count(status(obj), "disruptionsAllowed"), age(obj, now)]


def _revision(obj: JSON, now: float) -> Cells:
    owners = metadata(obj).get("ownerReferences") or ()
    owner = next((one for one in owners if one.get("controller")), None)
    return [name(obj), _owner(owner) if owner else NONE, _count(obj, "revision"), age(obj, now)]


def _owner(reference: JSON) -> str:
    group = reference.get("apiVersion", "").rpartition("/")[0]
    kind = reference.get("kind", "").lower()
    return f"{kind}.{group}/{reference.get('name')}" if group else f"{kind}/{reference.get('name')}"


def _scale(obj: JSON, now: float) -> Cells:
    return [name(obj), _count(spec(obj), "replicas"), _count(status(obj), "replicas"), age(obj, now)]


_REPLICAS = (
    NAME,
    number("Desired", "Pods wanted."),
    number("Current", "Pods that exist."),
    number("Ready", "Pods that are ready."),
    AGE,
    *TEMPLATE,
)

TABLES = {
    ("apps", "Deployment"): Table(
        (
            NAME,
            Column("Ready", "Pods that are ready, of how many."),
            number("Up-to-date", "Pods made from the current template."),
            number("Available", "Pods that have been ready for long enough."),
            AGE,
            *TEMPLATE,
        ),
        _deployment,
    ),
    ("apps", "ReplicaSet"): Table(_REPLICAS, _replicaset),
    ("", "ReplicationController"): Table(_REPLICAS, _replicationcontroller),
    ("apps", "StatefulSet"): Table(
        (NAME, Column("Ready", "Pods that are ready, of how many."), AGE, CONTAINERS, IMAGES), _statefulset
    ),
    ("apps", "DaemonSet"): Table(
        (
            NAME,
            number("Desired", "Nodes that should run a pod."),
            number("Current", "Nodes that run at least one and should."),
            number("Ready", "Nodes whose pod is ready."),
            number("Up-to-date", "Nodes whose pod is made from the current template."),
            number("Available", "Nodes whose pod has been ready for long enough."),
            Column("Node Selector", "Labels that a node must have to run a pod."),
            AGE,
            *TEMPLATE,
        ),
        _daemonset,
    ),
    ("apps", "ControllerRevision"): Table(
        (NAME, Column("Controller", "Whose history this is."), number("Revision", "Place in the history."), AGE),
        _revision,
    ),
    ("batch", "Job"): Table(
        (
            NAME,
            Column("Status", "The job's state in one word."),
            Column("Completions", "Pods that succeeded, of how many."),
            Column("Duration", "From start to completion, or until now."),
            AGE,
            *TEMPLATE,
        ),
        _job,
    ),
    ("batch", "CronJob"): Table(
        (
            NAME,
            Column("Schedule", "When jobs are started, in cron's form."),
            Column("Timezone", "Time zone of the schedule."),
            Column("Suspend", "Whether no more jobs are started.", "boolean"),
            number("Active", "Jobs that run now."),
            Column("Last Schedule", "Time since a job was last started."),
            AGE,
            *TEMPLATE,
        ),
        _cronjob,
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): Table(
        (
            NAME,
            Column("Reference", "What is scaled."),
            Column("Targets", "Measured and wanted value of each metric."),
            Column("MinPods", "Fewest replicas."),
            Column("MaxPods", "Most replicas."),
            Column("Replicas", "Replicas there are."),
            AGE,
        ),
        _autoscaler,
    ),
    ("autoscaling", "Scale"): Table(
        (NAME, number("Desired", "Replicas wanted."), number("Available", "Replicas there are."), AGE), _scale
    ),
    ("policy", "PodDisruptionBudget"): Table(
        (
            NAME,
            Column("Min Available", "Pods that must stay available."),
            Column("Max Unavailable", "Pods that may be missing."),
            number("Allowed Disruptions", "Evictions allowed now."),
            AGE,
        ),
        _budget,
    ),
}

BY_VERSION = {
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): Table(
        TABLES["autoscaling", "HorizontalPodAutoscaler"].columns, _autoscaler_v1
    )
}
"""Kinds whose versions differ in what a row is made from."""
