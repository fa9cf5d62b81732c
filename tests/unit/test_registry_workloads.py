"""Defaults and rules of what makes pods, and of the jobs that run to completion."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from apimachinery.resources import GVR
from apiserver.registry.strategies import STRATEGIES
from apiserver.registry.strategy import Strategy
from tests.unit.registry_fakes import context

JSON = dict[str, Any]
DEPLOYMENT, REPLICASET = STRATEGIES["apps", "deployments"], STRATEGIES["apps", "replicasets"]
DAEMONSET, STATEFULSET = STRATEGIES["apps", "daemonsets"], STRATEGIES["apps", "statefulsets"]
JOB, CRONJOB = STRATEGIES["batch", "jobs"], STRATEGIES["batch", "cronjobs"]
CONTROLLER = STRATEGIES["", "replicationcontrollers"]


def template(labels: JSON | None = None, **spec: Any) -> JSON:
    containers = [{"name": "c", "image": "nginx:1"}]
    return {"metadata": {"labels": labels or {"app": "x"}}, "spec": {"containers": containers, **spec}}


def workload(*, labels: JSON | None = None, pod: JSON | None = None, **spec: Any) -> JSON:
    selector = {"matchLabels": {"app": "x"}}
    return {
        "metadata": {"name": "w"},
        "spec": {"selector": selector, "template": template(labels, **(pod or {})), **spec},
    }


def defaulted(strategy: Strategy, obj: JSON) -> JSON:
    strategy.defaults(obj)
    return obj


def errors(strategy: Strategy, obj: JSON) -> list[str]:
    return [str(error) for error in strategy.validate(defaulted(strategy, obj))]


def without(obj: JSON, *fields: str) -> JSON:
    return {key: value for key, value in obj["spec"].items() if key not in ("template", "selector", *fields)}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (DEPLOYMENT, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {
            "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}}),
        (REPLICASET, {"replicas": 1}),
        (DAEMONSET, {"revisionHistoryLimit": 10, "updateStrategy": {
            "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}),
        (STATEFULSET, {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                       "updateStrategy": {
                           "type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
                       "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}}),
    ],
)  # fmt: skip
def test_defaults(strategy: Strategy, expected: JSON) -> None:
    obj = defaulted(strategy, workload())
    assert without(obj) == expected
    assert obj["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    assert [str(error) for error in strategy.validate(obj)] == []
    again = copy.deepcopy(obj)
    strategy.defaults(again)
    assert again == obj


def test_zero_replicas_stay_zero() -> None:
    assert defaulted(DEPLOYMENT, workload(replicas=0))["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (workload(selector=None),
         ["spec.selector: Required value",
          'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`']),
        (workload(selector={}),
         ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (workload(labels={"app": "y"}),
         ['spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`']),
        (workload(pod={"restartPolicy": "Never"}),
         ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"']),
        (workload(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (workload(strategy={"type": "Recreate", "rollingUpdate": {}}),
         ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
        (workload(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
         ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0']),
        (workload(strategy={"type": "Slowly"}),
         ['spec.strategy.type: Unsupported value: "Slowly": supported values: "Recreate", "RollingUpdate"']),
        (workload(progressDeadlineSeconds=5, minReadySeconds=5),
         ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]),
    ],
)  # fmt: skip
def test_deployments(given: JSON, expected: list[str]) -> None:
    assert errors(DEPLOYMENT, given) == expected


@pytest.mark.parametrize("strategy", [DEPLOYMENT, REPLICASET, DAEMONSET])
def test_the_selector_stays(strategy: Strategy) -> None:
    old = defaulted(strategy, workload())
    new = defaulted(strategy, workload(labels={"app": "x", "b": "c"}, selector={"matchLabels": {"b": "c"}}))
    assert [str(error) for error in strategy.validate_update(old, new)] == [
        'spec.selector: Invalid value: {"matchLabels":{"b":"c"}}: field is immutable'
    ]


def test_a_replication_controller_takes_its_labels_from_the_template() -> None:
    obj = defaulted(CONTROLLER, {"metadata": {"name": "w"}, "spec": {"template": template()}})
    assert (obj["spec"]["selector"], obj["metadata"]["labels"], obj["spec"]["replicas"]) == (
        {"app": "x"},
        {"app": "x"},
        1,
    )


# --- stateful sets ---------------------------------------------------------------------------------------------------


def stateful(**spec: Any) -> JSON:
    claim = {"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}  # fmt: skip
    given = workload(volumeClaimTemplates=[claim], **spec)
    given["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return given


def test_claim_templates_are_volumes_and_get_defaults() -> None:
    obj = defaulted(STATEFULSET, stateful())
    assert [str(error) for error in STATEFULSET.validate(obj)] == []
    (claim,) = obj["spec"]["volumeClaimTemplates"]
    assert (claim["kind"], claim["spec"]["volumeMode"], claim["status"]) == (
        "PersistentVolumeClaim", "Filesystem", {"phase": "Pending"},
    )  # fmt: skip


def test_little_of_a_stateful_set_changes() -> None:
    old = defaulted(STATEFULSET, stateful())
    assert STATEFULSET.validate_update(old, defaulted(STATEFULSET, stateful(replicas=3))) == []
    (error,) = STATEFULSET.validate_update(old, defaulted(STATEFULSET, stateful(serviceName="other")))
    assert str(error).startswith("spec: Forbidden: updates to statefulset spec for fields other than 'replicas', ")


# --- jobs ------------------------------------------------------------------------------------------------------------


def job(**spec: Any) -> JSON:
    pod = template(restartPolicy=spec.pop("restartPolicy", "Never"))
    return {"metadata": {"name": "pi", "namespace": "dev", "uid": "u-1"}, "spec": {"template": pod, **spec}}


def created(**spec: Any) -> JSON:
    obj = defaulted(JOB, job(**spec))
    JOB.prepare_for_create(context(GVR("batch", "v1", "jobs")), obj)
    return obj


def test_a_job_selects_its_own_pods() -> None:
    obj = created()
    assert obj["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert obj["spec"]["template"]["metadata"]["labels"] == {
        "app": "x",
        "batch.kubernetes.io/controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "pi",
        "controller-uid": "u-1",
        "job-name": "pi",
    }
    assert without(obj) == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    assert JOB.validate(obj) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"restartPolicy": "Always"},
         ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
        ({"completions": -1}, ["spec.completions: Invalid value: -1: must be greater than or equal to 0"]),
        ({"completionMode": "Indexed", "parallelism": 1},
         ["spec.completions: Required value: when completion mode is Indexed"]),
    ],
)  # fmt: skip
def test_jobs(spec: JSON, expected: list[str]) -> None:
    assert [str(error) for error in JOB.validate(created(**spec))] == expected


def test_a_parallel_job_has_no_completions_of_its_own() -> None:
    assert "completions" not in created(parallelism=3)["spec"]


def test_a_jobs_template_changes_only_while_it_has_not_started() -> None:
    old, new = created(suspend=True), created(suspend=True)
    new["spec"]["template"]["spec"]["nodeSelector"] = {"a": "b"}
    assert JOB.validate_update(old, new) == []
    old["status"] = {"startTime": "2026-01-01T00:00:00Z"}
    (error,) = JOB.validate_update(old, new)
    assert str(error).endswith("field is immutable")


def cronjob(schedule: str, **spec: Any) -> JSON:
    job = {"spec": {"template": template(restartPolicy="Never")}}
    return {"metadata": {"name": "c"}, "spec": {"schedule": schedule, "jobTemplate": job, **spec}}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", ""),
        ("*/5 0-6 1,15 JAN-MAR MON", ""),
        ("@hourly", ""),
        ("@every 1h30m", ""),
        ("", "Required value"),
        ("* * * *", 'Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'),
        ("60 * * * *", 'Invalid value: "60 * * * *": end of range (60) above maximum (59): 60'),
        ("x * * * *", 'Invalid value: "x * * * *": failed to parse int from x'),
        ("@often", 'Invalid value: "@often": unrecognized descriptor: @often'),
        ("TZ=UTC * * * * *",
         'Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'),
    ],
)  # fmt: skip
def test_schedules(schedule: str, expected: str) -> None:
    assert errors(CRONJOB, cronjob(schedule)) == ([f"spec.schedule: {expected}"] if expected else [])


def test_cron_job_defaults() -> None:
    obj = defaulted(CRONJOB, cronjob("* * * * *"))
    assert without(obj, "jobTemplate", "schedule") == {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    assert "backoffLimit" not in obj["spec"]["jobTemplate"]["spec"]
    assert errors(CRONJOB, cronjob("* * * * *", timeZone="Mars/Base"))[0].endswith("unknown time zone Mars/Base")
    assert CRONJOB.name_errors("x" * 53) == ["must be no more than 52 characters"]
