"""Your scheduler: it gives each pod that asks for it by name a node. What is yours to write is marked TODO.

python3 my_scheduler.py                                              # beside ours, for `schedulerName: mine`
orrery swap scheduler -- python3 my_scheduler.py default-scheduler   # in place of ours
"""

from __future__ import annotations

import sys
import time

from kube import Api, Cache, Changes, Object, Refused, amount

COMPONENT = "my-scheduler"  # as which it records Events


def is_mine(pod: Object, name: str) -> bool:
    """Does this pod ask for the scheduler of this name?"""
    # TODO: spec.schedulerName
    raise NotImplementedError("is_mine() is yours to write")


def suits(pod: Object, node: Object) -> bool:
    """May the pod go there, as far as its nodeSelector says?"""
    # TODO: spec.nodeSelector (a dict; may be missing) and the node's metadata.labels
    raise NotImplementedError("suits() is yours to write")


def has_room(pod: Object, node: Object, pods: list[Object]) -> bool:
    """Is there enough processor time left? `pods`: all pods of the cluster, those on other nodes too."""
    # TODO: cpu_of(pod), and of the pods whose spec.nodeName is the node's; status.allocatable.cpu, by amount()
    raise NotImplementedError("has_room() is yours to write")


def score(pod: Object, node: Object, pods: list[Object]) -> float:
    """The higher, the better: spread the load."""
    # TODO
    raise NotImplementedError("score() is yours to write")


def cpu_of(pod: Object) -> float:
    """What its containers ask for, in processors."""
    asked = [one.get("resources", {}).get("requests", {}).get("cpu", "0") for one in pod["spec"]["containers"]]
    return sum(amount(str(one)) for one in asked)


def is_over(pod: Object) -> bool:
    """It has ended, and takes no room any more."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def is_ready(node: Object) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and not node["spec"].get("unschedulable")


def choose(pod: Object, nodes: list[Object], pods: list[Object]) -> tuple[str, str]:
    """The decision, and nothing else: a node's name and "", or "" and why there is none."""
    ready = [one for one in nodes if is_ready(one)]
    suitable = [one for one in ready if suits(pod, one)]
    roomy = [one for one in suitable if has_room(pod, one, pods)]
    if not roomy:
        counts = f"{len(ready)} ready, {len(suitable)} of them suit it, 0 of those have room"
        return "", f"no node for it: {counts}"
    best = max(roomy, key=lambda node: score(pod, node, pods))
    return str(best["metadata"]["name"]), ""


def bind(api: Api, pod: Object, node: str) -> None:
    """The one write that a scheduler is there for."""
    meta = pod["metadata"]
    target = {"apiVersion": "v1", "kind": "Node", "name": node}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
    api.create(api.path("pods", meta["name"], namespace=meta["namespace"]) + "/binding", body)
    pod["spec"]["nodeName"] = node  # our cache hears of it later, and the next decision must not wait for that
    print(f"{meta['namespace']}/{meta['name']} -> {node}", flush=True)


def tell(api: Api, pod: Object, reason: str, message: str) -> None:
    """An Event, for whoever asks `kubectl describe pod` why."""
    meta, now = pod["metadata"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"apiVersion": "v1", "kind": "Pod", **{key: meta[key] for key in ("name", "namespace", "uid")}}
    body = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"generateName": f"{meta['name']}-"}, "involvedObject": about,
        "reason": reason, "message": message, "type": "Normal" if reason == "Scheduled" else "Warning",
        "source": {"component": COMPONENT}, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    }  # fmt: skip
    api.create(api.path("events", namespace=meta["namespace"]), body)


def schedule(api: Api, pod: Object, nodes: list[Object], pods: list[Object], told: dict[str, str]) -> None:
    """`told`: of each pod that waits, why, so that nobody is told the same twice."""
    node, why = choose(pod, nodes, pods)
    uid = pod["metadata"]["uid"]
    try:
        if node:
            bind(api, pod, node)
            tell(api, pod, "Scheduled", f"bound to {node}")
        elif told.get(uid) != why:
            tell(api, pod, "FailedScheduling", why)
            told[uid] = why
    except Refused as error:
        print(f"{pod['metadata']['name']}: {error}", flush=True)  # it is gone, or somebody was quicker


def waiting(pods: list[Object], name: str) -> list[Object]:
    """Those that want a node of us, the oldest first."""
    found = [one for one in pods if is_mine(one, name) and not one["spec"].get("nodeName") and not is_over(one)]
    return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "mine"
    api, changes = Api(), Changes()
    nodes, pods = Cache(api, "nodes", changes), Cache(api, "pods", changes, everywhere=True)
    nodes.wait()
    pods.wait()
    print(f"at work for schedulerName: {name}", flush=True)
    told: dict[str, str] = {}
    while True:
        changes.next()  # whatever it was: there may be room now for one that waits
        now = pods.all()
        for pod in waiting(now, name):
            schedule(api, pod, nodes.all(), now, told)


if __name__ == "__main__":
    main()
