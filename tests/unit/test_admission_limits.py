"""Limit ranges, quotas and pod security."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.clock import FakeClock
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.limit_ranger import RANGES, LimitRanger, violations
from apiserver.handlers.admission.plugin import NAMESPACES
from apiserver.handlers.admission.pod_security import PodSecurity
from apiserver.handlers.admission.pod_security_checks import problems
from apiserver.handlers.admission.resource_quota import PENDING_SECONDS, QUOTAS, ResourceQuota
from apiserver.registry.request import User
from tests.unit.registry_fakes import Objects

JSON = dict[str, Any]
PODS = GVR("", "v1", "pods")
DEPLOYMENTS = GVR("apps", "v1", "deployments")


def pod(name: str = "web", **resources: JSON) -> JSON:
    container = {"name": "c", "image": "x", "resources": resources}
    return {"metadata": {"name": name, "namespace": "dev", "uid": name}, "spec": {"containers": [container]}}


def ask(
    obj: JSON,
    objects: Objects,
    *,
    gvr: GVR = PODS,
    kind: str = "Pod",
    clock: FakeClock | None = None,
    dry_run: bool = False,
) -> AdmissionRequest:
    return AdmissionRequest("create", gvr, kind, "dev", obj["metadata"]["name"], User("ann"), obj, None, objects,
                            clock or FakeClock(), dry_run=dry_run)  # fmt: skip


def in_dev(name: str, **fields: Any) -> JSON:
    return {"metadata": {"name": name, "namespace": "dev", "uid": name}, **fields}


# --- limit ranges ----------------------------------------------------------------------------------------------------


async def test_defaults_fill_what_is_open_and_say_so() -> None:
    limit = {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m"}}
    objects = Objects((RANGES, in_dev("range", spec={"limits": [limit]})))
    given = pod(limits={"memory": "2Gi"})
    await LimitRanger().mutate(ask(given, objects))
    assert given["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "2Gi", "cpu": "1"},
        "requests": {"cpu": "500m"},
    }
    assert given["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    }


@pytest.mark.parametrize(
    ("limit", "resources", "found"),
    [
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, ["maximum cpu usage per Container is 1, but limit is 2"]),
        ({"max": {"cpu": "1"}}, {}, ["maximum cpu usage per Container is 1.  No limit is specified"]),
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "1"}}, []),
        ({"min": {"memory": "1Gi"}}, {"requests": {"memory": "512Mi"}},
         ["minimum memory usage per Container is 1Gi, but request is 512Mi"]),
        ({"min": {"cpu": "1"}}, {}, ["minimum cpu usage per Container is 1.  No request is specified"]),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
         ["cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"]),
    ],
)  # fmt: skip
def test_bounds(limit: JSON, resources: JSON, found: list[str]) -> None:
    assert violations("Pod", pod(**resources), [{"type": "Container", **limit}]) == found


# --- quotas ----------------------------------------------------------------------------------------------------------


def quota(name: str = "q", **hard: str) -> tuple[GVR, JSON]:
    return QUOTAS, in_dev(name, spec={"hard": {key.replace("_", "."): value for key, value in hard.items()}})


async def test_a_quota_counts_what_is_there_and_what_is_on_its_way() -> None:
    objects = Objects(quota(pods="2"), (PODS, pod("a")))
    plugin, clock = ResourceQuota(), FakeClock()
    await plugin.validate(ask(pod("b"), objects, clock=clock))
    with pytest.raises(ApiError) as caught:
        await plugin.validate(ask(pod("c"), objects, clock=clock))
    assert caught.value.message == (
        'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    )
    await clock.advance(PENDING_SECONDS)  # "b" was admitted, but never stored
    await plugin.validate(ask(pod("c"), objects, clock=clock))


async def test_a_dry_run_takes_nothing_from_a_quota() -> None:
    objects, plugin, clock = Objects(quota(pods="1")), ResourceQuota(), FakeClock()
    await plugin.validate(ask(pod("a"), objects, clock=clock, dry_run=True))
    await plugin.validate(ask(pod("b"), objects, clock=clock))


async def test_ended_pods_use_nothing() -> None:
    ended = {**pod("a"), "status": {"phase": "Succeeded"}}
    await ResourceQuota().validate(ask(pod("b"), Objects(quota(pods="1"), (PODS, ended))))


async def test_a_quota_of_compute_wants_every_container_to_say() -> None:
    objects = Objects(quota(requests_cpu="1", limits_memory="1Gi"))
    with pytest.raises(ApiError, match=r"failed quota: q: must specify limits.memory for: c; requests.cpu for: c"):
        await ResourceQuota().validate(ask(pod("a"), objects))
    with pytest.raises(ApiError, match=r"requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1"):
        await ResourceQuota().validate(ask(pod("a", requests={"cpu": "2"}, limits={"memory": "1Gi"}), objects))


async def test_counts_of_any_resource() -> None:
    counted = (QUOTAS, in_dev("q", spec={"hard": {"count/deployments.apps": "1"}}))
    objects = Objects(counted, (DEPLOYMENTS, in_dev("a")))
    with pytest.raises(ApiError, match=r"exceeded quota: q, requested: count/deployments.apps=1"):
        await ResourceQuota().validate(ask(in_dev("b"), objects, gvr=DEPLOYMENTS, kind="Deployment"))


async def test_a_scoped_quota_covers_its_scope() -> None:
    scoped = (QUOTAS, in_dev("q", spec={"hard": {"pods": "0"}, "scopes": ["BestEffort"]}))
    await ResourceQuota().validate(ask(pod("a", requests={"cpu": "1"}), Objects(scoped)))
    with pytest.raises(ApiError, match="exceeded quota"):
        await ResourceQuota().validate(ask(pod("a"), Objects(scoped)))


# --- pod security ----------------------------------------------------------------------------------------------------

SAFE: JSON = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "c",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


def container(**context: Any) -> JSON:
    return {"containers": [{"name": "c", "securityContext": context}]}


@pytest.mark.parametrize(
    ("level", "spec", "found"),
    [
        ("privileged", container(privileged=True), ""),
        ("baseline", container(), ""),
        ("baseline", container(privileged=True),
         'privileged (container "c" must not set securityContext.privileged=true)'),
        ("baseline", {"containers": [], "hostNetwork": True, "hostPID": True},
         "host namespaces (hostNetwork=true, hostPID=true)"),
        ("baseline", {"containers": [], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
         'hostPath volumes (volume "v")'),
        ("baseline", {"containers": [{"name": "c", "ports": [{"containerPort": 1, "hostPort": 80}]}]},
         'hostPort (container "c" uses hostPort 80)'),
        ("baseline", container(capabilities={"add": ["NET_ADMIN"]}),
         'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)'),
        ("restricted", SAFE, ""),
        ("restricted", container(),
         'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
         'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
         'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
         'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
         '"Localhost")'),
        ("restricted", {**SAFE, "volumes": [{"name": "v", "nfs": {}}]},
         'restricted volume types (volume "v" uses restricted volume type "nfs")'),
    ],
)  # fmt: skip
def test_standards(level: str, spec: JSON, found: str) -> None:
    assert problems(level, spec) == found


def namespace(**labels: str) -> Objects:
    given = {f"pod-security.kubernetes.io/{mode}": level for mode, level in labels.items()}
    return Objects((NAMESPACES, {"metadata": {"name": "dev", "labels": given}}))


async def test_enforcing_refuses_and_warning_warns() -> None:
    privileged = {"metadata": {"name": "web"}, "spec": container(privileged=True)}
    with pytest.raises(ApiError, match=r'violates PodSecurity "baseline:latest": privileged \(container "c"'):
        await PodSecurity().validate(ask(privileged, namespace(enforce="baseline")))
    request = ask(privileged, namespace(warn="baseline"))
    await PodSecurity().validate(request)
    assert request.warnings[0].startswith('would violate PodSecurity "baseline:latest": privileged')


async def test_workloads_are_only_warned_about() -> None:
    deployment = {"metadata": {"name": "web"}, "spec": {"template": {"spec": container(privileged=True)}}}
    request = ask(deployment, namespace(enforce="baseline", warn="baseline"), gvr=DEPLOYMENTS, kind="Deployment")
    await PodSecurity().validate(request)
    assert len(request.warnings) == 1
