"""Every table: as many cells as columns, and the rows of the kinds people look at most."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.resources import GVK
from apimachinery.timestamps import format_time
from apiserver.registry.tables import TABLES, columns, rows

NOW = 1_800_000_000.0
CREATED = format_time(NOW - 3 * 86400 - 4 * 3600)
AGE = "3d4h"
META = {"name": "x", "creationTimestamp": CREATED}


def obj(**fields: Any) -> dict[str, Any]:
    return {"metadata": META, **fields}


@pytest.mark.parametrize(("group", "kind"), TABLES)
def test_an_almost_empty_object_fills_every_column(group: str, kind: str) -> None:
    gvk = GVK(group, "v1", kind)
    assert len(rows(gvk, obj(), NOW)) == len(columns(gvk))


def test_a_kind_without_a_table_shows_name_and_age() -> None:
    gvk = GVK("example.com", "v1", "Widget")
    assert [column["name"] for column in columns(gvk)] == ["Name", "Age"]
    assert rows(gvk, obj(), NOW) == ["x", AGE]


TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "nginx:1"}, {"name": "d", "image": "redis"}]}}
SELECTOR = {"matchLabels": {"app": "x"}}
SHOWN = ["c,d", "nginx:1,redis", "app=x"]

ROWS: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    ("apps", "Deployment",
     obj(spec={"replicas": 3, "template": TEMPLATE, "selector": SELECTOR},
         status={"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}),
     ["x", "2/3", 3, 1, AGE, *SHOWN]),
    ("apps", "ReplicaSet",
     obj(spec={"replicas": 3, "template": TEMPLATE, "selector": SELECTOR}, status={"replicas": 2}),
     ["x", 3, 2, 0, AGE, *SHOWN]),
    ("batch", "Job",
     obj(spec={"completions": 2, "template": TEMPLATE, "selector": SELECTOR},
         status={"succeeded": 1, "startTime": format_time(NOW - 90)}),
     ["x", "Running", "1/2", "90s", AGE, *SHOWN]),
    ("batch", "Job",
     obj(spec={"completions": 1, "template": TEMPLATE, "selector": SELECTOR},
         status={"succeeded": 1, "startTime": format_time(NOW - 90), "completionTime": format_time(NOW - 80),
                 "conditions": [{"type": "Complete", "status": "True"}]}),
     ["x", "Complete", "1/1", "10s", AGE, *SHOWN]),
    ("batch", "CronJob",
     obj(spec={"schedule": "* * * * *", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}}),
     ["x", "* * * * *", "<none>", "False", 0, "<none>", AGE, *SHOWN[:2], "<none>"]),
    ("", "Service",
     obj(spec={"type": "NodePort", "clusterIPs": ["10.96.0.7"], "selector": {"a": "b"},
               "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}),
     ["x", "NodePort", "10.96.0.7", "<none>", "80:30080/TCP,53/UDP", AGE, "a=b"]),
    ("", "Service", obj(spec={"type": "LoadBalancer"}),
     ["x", "LoadBalancer", "<none>", "<pending>", "<none>", AGE, "<none>"]),
    ("", "Service", obj(spec={"type": "ExternalName", "externalName": "example.com"}),
     ["x", "ExternalName", "<none>", "example.com", "<none>", AGE, "<none>"]),
    ("", "Node",
     {"metadata": {**META, "labels": {"node-role.kubernetes.io/control-plane": ""}}, "spec": {"unschedulable": True},
      "status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [
          {"type": "InternalIP", "address": "10.240.0.11"}], "nodeInfo": {"kubeletVersion": "v1.36.0"}}},
     ["x", "Ready,SchedulingDisabled", "control-plane", AGE, "v1.36.0", "10.240.0.11", "<none>", "<unknown>",
      "<unknown>", "<unknown>"]),
    ("", "Event",
     obj(involvedObject={"kind": "Pod", "name": "web", "fieldPath": "spec.containers{c}"}, type="Normal",
         reason="Pulled", message=" done\n", count=4, firstTimestamp=format_time(NOW - 500),
         lastTimestamp=format_time(NOW - 10), source={"component": "kubelet", "host": "n1"}),
     ["10s", "Normal", "Pulled", "pod/web", "spec.containers{c}", "kubelet, n1", "done", "8m20s", 4, "x"]),
    ("", "PersistentVolumeClaim",
     obj(spec={"volumeName": "pv", "storageClassName": "std", "volumeMode": "Filesystem"},
         status={"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}),
     ["x", "Bound", "pv", "1Gi", "RWO", "std", "<unset>", AGE, "Filesystem"]),
    ("storage.k8s.io", "StorageClass",
     {"metadata": {**META, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
      "provisioner": "p", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
     ["x (default)", "p", "Delete", "Immediate", False, AGE]),
    ("", "Endpoints",
     obj(subsets=[{"addresses": [{"ip": f"10.0.0.{i}"} for i in range(1, 5)], "ports": [{"port": 80}]}]),
     ["x", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...", AGE]),
    ("autoscaling", "HorizontalPodAutoscaler",
     obj(spec={"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5,
               "metrics": [{"type": "Resource", "resource": {
                   "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
         status={"currentReplicas": 2}),
     ["x", "Deployment/web", "cpu: <unknown>/80%", "1", 5, 2, AGE]),
    ("rbac.authorization.k8s.io", "RoleBinding",
     obj(roleRef={"kind": "Role", "name": "r"}, subjects=[
         {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "sa"}]),
     ["x", "Role/r", AGE, "u", "", "n/sa"]),
    ("", "ResourceQuota",
     obj(status={"hard": {"pods": "10", "limits.cpu": "4"}, "used": {"pods": "1"}}),
     ["x", "pods: 1/10", "limits.cpu: 0/4", AGE]),
    ("certificates.k8s.io", "CertificateSigningRequest",
     obj(spec={"signerName": "s", "username": "u", "expirationSeconds": 3600},
         status={"certificate": "x", "conditions": [{"type": "Approved"}]}),
     ["x", AGE, "s", "u", "60m", "Approved,Issued"]),
]  # fmt: skip


@pytest.mark.parametrize(("group", "kind", "given", "cells"), ROWS)
def test_rows(group: str, kind: str, given: dict[str, Any], cells: list[Any]) -> None:
    assert rows(GVK(group, "v2", kind), given, NOW) == cells
