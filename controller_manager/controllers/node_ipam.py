"""Node IPAM: gives every node its own subnet for pods, out of the cluster's range.

Watches: Nodes. Owns: `spec.podCIDR` and `spec.podCIDRs`. Writes: those, once per node; Events.
Invariant: no two nodes that exist have overlapping subnets; a subnet is free again when its node is gone.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field

from api.node import Node
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.decisions import decide, wait
from controller_manager.limits import CIDR_RETRY_SECONDS

_log = logging.getLogger(__name__)


@dataclass
class CidrSet:
    """The subnets of one size in a range, and who has which. Pure."""

    cluster: str
    mask_size: int
    _owners: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._network = ipaddress.ip_network(self.cluster)
        self._step = 1 << (self._network.max_prefixlen - self.mask_size)
        self.size = self._network.num_addresses // self._step
        self._next = 0

    def occupy(self, cidr: str, owner: str) -> str:
        """Note that `owner` has `cidr`; gives who had it before, if another. Ranges elsewhere are none of ours."""
        network = ipaddress.ip_network(cidr, strict=False)
        first = (int(network.network_address) - int(self._network.network_address)) // self._step
        count = max(network.num_addresses // self._step, 1)
        if network.version != self._network.version or not 0 <= first < self.size:
            return ""
        other = next((self._owners[i] for i in range(first, first + count) if self._owners.get(i, owner) != owner), "")
        for index in range(first, min(first + count, self.size)):
            self._owners.setdefault(index, owner)
        return other

    def allocate(self, owner: str) -> str:
        """The next free subnet, after the last one given: a subnet just freed rests a while. "" if there is none."""
        for offset in range(self.size):
            index = (self._next + offset) % self.size
            if index not in self._owners:
                self._owners[index] = owner
                self._next = index + 1
                start = self._network.network_address + index * self._step
                return f"{start}/{self.mask_size}"
        return ""

    def release(self, owner: str) -> None:
        self._owners = {index: one for index, one in self._owners.items() if one != owner}


class NodeIpamController:
    name = "node-ipam"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._cidrs = CidrSet(context.config.cluster_cidr, context.config.node_cidr_mask_size)
        self._nodes = context.informers.get(Node)
        self._recorder = context.recorder("cidrAllocator")
        self.queue = context.queue(self.name)
        self._nodes.add_handler(self._on_node)

    def _on_node(self, event: Event[Node]) -> None:
        node = event.object
        if event.type == "DELETED":
            self._cidrs.release(node.uid)
        elif node.spec.pod_cidr:
            other = self._cidrs.occupy(node.spec.pod_cidr, node.uid)
            if other:
                _log.error("node %s has %s, which overlaps that of node uid %s", node.name, node.spec.pod_cidr, other)
        else:
            self.queue.add(node.name)

    async def reconcile(self, key: str) -> float | None:
        node = self._nodes.get(key)
        if node is None or node.spec.pod_cidr or node.metadata.deletion_timestamp is not None:
            return None
        cidr = self._cidrs.allocate(node.uid)
        if not cidr:
            message = f"Node {node.name} status is now: CIDRNotAvailable"
            self._recorder.event(node, "Normal", "CIDRNotAvailable", message)
            decide(wait(CIDR_RETRY_SECONDS), why="no subnet is free")
            return CIDR_RETRY_SECONDS
        decide(f"give it {cidr}")
        # Guarded by uid: the node may have been replaced while the cache slept.
        patch = {"metadata": {"uid": node.uid}, "spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
        try:
            await self._api.patch(Node, node.name, patch)
        except BaseException:
            self._cidrs.release(node.uid)
            raise
        return None


def build(context: Context) -> Managed:
    controller = NodeIpamController(context)
    return Managed(controller, controller.queue, workers=1)
