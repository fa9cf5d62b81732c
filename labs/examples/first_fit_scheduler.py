"""A scheduler of a student: every pod goes to the first Ready node in the alphabet that has room for one more.

    orrery swap scheduler -- python labs/examples/first_fit_scheduler.py

It talks plain REST with nothing but the standard library, and looks every half second at what there is to do.
"""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

SERVER = os.environ["ORRERY_APISERVER_REST"]
TLS = ssl.create_default_context(cafile=os.environ["ORRERY_CA"])
TLS.load_cert_chain(os.environ["ORRERY_CERT"], os.environ["ORRERY_KEY"])


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(SERVER + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, context=TLS, timeout=10) as answer:
        return json.load(answer)


def is_ready(node: dict[str, Any]) -> bool:
    if node["spec"].get("unschedulable"):
        return False
    conditions = node["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def first_fit(nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> str | None:
    """The decision, and nothing else."""
    load = Counter(pod["spec"].get("nodeName") for pod in pods)
    for node in sorted(nodes, key=lambda one: str(one["metadata"]["name"])):
        name = str(node["metadata"]["name"])
        if is_ready(node) and load[name] < int(node["status"]["allocatable"]["pods"]):
            return name
    return None


def bind(pod: dict[str, Any], node: str) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
    call("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", binding)
    pod["spec"]["nodeName"] = node
    print(f"{namespace}/{name} -> {node}", flush=True)


def schedule_once() -> None:
    pods = call("GET", "/api/v1/pods")["items"]
    waiting = [pod for pod in pods if not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]]
    nodes = call("GET", "/api/v1/nodes")["items"] if waiting else []
    for pod in waiting:
        node = first_fit(nodes, pods)
        if node:
            bind(pod, node)


def main() -> None:
    print("first fit, at your service", flush=True)
    while True:
        try:
            schedule_once()
        except (urllib.error.URLError, TimeoutError) as error:
            print(f"the apiserver: {error}", flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
