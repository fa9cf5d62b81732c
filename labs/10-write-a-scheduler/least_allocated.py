"""A solution: only what the skeleton leaves open. Every pod goes to the node with the most processor time left."""

from __future__ import annotations

import my_scheduler
from kube import Object, amount
from my_scheduler import cpu_of, is_over


def is_mine(pod: Object, name: str) -> bool:
    return bool(pod["spec"].get("schedulerName", "default-scheduler") == name)


def suits(pod: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, value in pod["spec"].get("nodeSelector", {}).items())


def left(node: Object, pods: list[Object]) -> float:
    """In processors."""
    here = [one for one in pods if one["spec"].get("nodeName") == node["metadata"]["name"] and not is_over(one)]
    return amount(node["status"]["allocatable"]["cpu"]) - sum(map(cpu_of, here))


def has_room(pod: Object, node: Object, pods: list[Object]) -> bool:
    return left(node, pods) >= cpu_of(pod)


def score(pod: Object, node: Object, pods: list[Object]) -> float:
    return left(node, pods)


def work() -> None:
    my_scheduler.is_mine = is_mine
    my_scheduler.suits = suits
    my_scheduler.has_room = has_room
    my_scheduler.score = score
    my_scheduler.main()


if __name__ == "__main__":
    work()
