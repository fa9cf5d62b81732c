"""Who owns whom, over all kinds: the garbage collector's memory. Pure bookkeeping, no I/O.

A node is an object, known by uid. An owner that is referred to but has not been seen yet is there as a *virtual* node,
so that its dependents are found when it turns out not to exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from apimachinery.resources import GVR


class Owner(NamedTuple):
    """One owner reference, as the wire carries it."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool
    block: bool


@dataclass(slots=True)
class Node:
    """`gvr` is None as long as the node is virtual and its kind not looked up."""

    uid: str
    gvr: GVR | None
    namespace: str
    name: str
    revision: int = 0
    owners: tuple[Owner, ...] = ()
    deleting: bool = False
    foreground: bool = False
    """Being deleted, and waits for its dependents to go first."""
    orphaning: bool = False
    """Being deleted, and its dependents shall stay."""
    virtual: bool = False
    dependents: set[str] | None = None

    @property
    def where(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass
class Graph:
    nodes: dict[str, Node] = field(default_factory=dict)

    def get(self, uid: str) -> Node | None:
        return self.nodes.get(uid)

    def put(self, node: Node) -> Node | None:
        """Add or replace an object; gives what was known of it."""
        old = self.nodes.get(node.uid)
        if old is not None:
            node.dependents = old.dependents
            self._unlink(old, keep=node.owners)
        self.nodes[node.uid] = node
        for owner in node.owners:
            self._link(node, owner)
        return old

    def remove(self, uid: str) -> list[str]:
        """Forget an object that is gone; gives the uids of its dependents."""
        node = self.nodes.pop(uid, None)
        if node is None:
            return []
        self._unlink(node, keep=())
        return sorted(node.dependents or ())

    def dependents(self, node: Node) -> list[Node]:
        return [self.nodes[uid] for uid in sorted(node.dependents or ()) if uid in self.nodes]

    def _link(self, node: Node, owner: Owner) -> None:
        found = self.nodes.get(owner.uid)
        if found is None:
            # Whether a cluster-scoped owner was meant is not known yet; the live look-up tells.
            found = Node(owner.uid, None, node.namespace, owner.name, virtual=True)
            self.nodes[owner.uid] = found
        if found.dependents is None:
            found.dependents = set()
        found.dependents.add(node.uid)

    def _unlink(self, node: Node, keep: Iterable[Owner]) -> None:
        kept = {owner.uid for owner in keep}
        for owner in node.owners:
            found = self.nodes.get(owner.uid)
            if owner.uid in kept or found is None or found.dependents is None:
                continue
            found.dependents.discard(node.uid)
            if found.virtual and not found.dependents:
                del self.nodes[owner.uid]
