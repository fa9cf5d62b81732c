"""Nodes that have the pod's images already come first, the more so the larger and the more widespread these are."""

from __future__ import annotations

import numpy as np

from scheduler.framework import CycleState, Ints
from scheduler.limits import MAX_NODE_SCORE
from scheduler.node_table import NodeTable
from scheduler.pod_info import PodInfo

_MIB = 1024 * 1024
MIN_BYTES = 23 * _MIB
MAX_BYTES_PER_CONTAINER = 1000 * _MIB


class ImageLocality:
    name = "ImageLocality"

    def score(self, state: CycleState, pod: PodInfo, nodes: NodeTable, rows: Ints) -> Ints:
        containers = (*pod.pod.spec.init_containers, *pod.pod.spec.containers)
        total = np.zeros(nodes.size, np.int64)
        node_count = max(nodes.node_count, 1)
        for container in containers:
            holders = nodes.images.get(normalized_image(container.image), {})
            for row, size in holders.items():
                # An image that few nodes have weighs little, lest they attract every pod.
                total[row] += int(size * (len(holders) / node_count))
        highest = MAX_BYTES_PER_CONTAINER * max(len(containers), 1)
        scores: Ints = MAX_NODE_SCORE * (np.clip(total[rows], MIN_BYTES, highest) - MIN_BYTES) // (highest - MIN_BYTES)
        return scores


def normalized_image(image: str) -> str:
    """With its tag: `nginx` -> `nginx:latest`."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"
