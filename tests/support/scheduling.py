"""Nodes and pods in few words, for tests of the scheduler."""

from __future__ import annotations

from typing import Any

import msgspec

from api.meta import json_name
from api.node import Node
from api.pod import Pod

JSON = dict[str, Any]
MIB = 1024 * 1024
_METADATA = ("labels", "namespace", "owner_references", "deletion_timestamp")


def node_tree(name: str, *, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **more: Any) -> JSON:
    """`labels`, `taints`, `unschedulable`, `images` and `allocatable` as in the API."""
    allocatable = {
        "cpu": cpu,
        "memory": memory,
        "pods": pods,
        "ephemeral-storage": "100Gi",
        **more.get("allocatable", {}),
    }
    spec = {key: more[key] for key in ("taints", "unschedulable") if key in more}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **more.get("labels", {})}},
        "spec": spec,
        "status": {"allocatable": allocatable, "capacity": allocatable, "images": more.get("images", [])},
    }


def pod_tree(name: str, *, cpu: str = "", memory: str = "", **spec: Any) -> JSON:
    """Further keywords are fields of the spec, in snake case; `container` updates the one container."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    container = {"name": "main", "image": "web", "resources": {"requests": requests}, **spec.pop("container", {})}
    fields = {json_name(key): value for key, value in spec.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "schedulerName": "default-scheduler", **fields},
    }


def make_node(name: str, **more: Any) -> Node:
    return msgspec.convert(node_tree(name, **more), Node)


def make_pod(name: str, **more: Any) -> Pod:
    """`labels`, `namespace`, `owner_references` and `deletion_timestamp` go to its metadata."""
    metadata = {json_name(key): more.pop(key) for key in _METADATA if key in more}
    tree = pod_tree(name, **more)
    tree["metadata"] |= {"uid": f"uid-{name}", **metadata}
    return msgspec.convert(tree, Pod)
