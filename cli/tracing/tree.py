"""From spans of many processes to one causal tree. Pure.

A span hangs under its parent. One whose parent belongs to another cause, but that links to this trace (a reconcile
woken by several writes), hangs under the first span here that it links to; everything it caused comes with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wire.span import Span, span_id
from wire.span_file import INTERRUPTED


@dataclass
class Node:
    """`lost`: its span says it has a parent, and nobody has that any more. `linked`: it hangs here by a link."""

    span: Span
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None
    lost: bool = False
    linked: bool = False

    def walk(self, depth: int = 0) -> Iterator[tuple[Node, int]]:
        """The node and all under it, in order of start."""
        yield self, depth
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass
class Tree:
    """`roots` is one node if nothing is lost."""

    roots: list[Node]

    def nodes(self) -> list[tuple[Node, int]]:
        return [found for root in self.roots for found in root.walk()]

    def spans(self) -> list[Span]:
        return [node.span for node, _ in self.nodes()]

    @property
    def start(self) -> float:
        return min((span.start for span in self.spans()), default=0.0)

    @property
    def end(self) -> float:
        return max((span.end for span in self.spans()), default=0.0)

    @property
    def gaps(self) -> list[Node]:
        """Where a cause is missing."""
        return [node for node, _ in self.nodes() if node.lost]

    @property
    def under_way(self) -> list[Span]:
        return [span for span in self.spans() if not span.end]

    @property
    def interrupted(self) -> list[Span]:
        """Begun by processes that ended before they did."""
        return [span for span in self.spans() if INTERRUPTED in span.attributes]


def reachable(spans: Iterable[Span], traces: frozenset[str]) -> list[Span]:
    """The spans of `traces`, and of others those that these caused: by parent or by link, however far."""
    every = {span.span_id: span for span in spans}
    effects: defaultdict[str, list[str]] = defaultdict(list)
    for span in every.values():
        for cause in (span.parent_id, *map(span_id, span.links)):
            effects[cause].append(span.span_id)
    found = {span.span_id for span in every.values() if span.trace_id in traces}
    todo = list(found)
    while todo:
        fresh = [one for one in effects[todo.pop()] if one not in found]
        found.update(fresh)
        todo += fresh
    return [every[one] for one in found]


def build(spans: Iterable[Span], traces: frozenset[str], root: Span | None = None) -> Tree:
    """`root`, if given, is the common cause of all that has none of its own."""
    kept = sorted(reachable(spans, traces), key=lambda span: (span.start, span.span_id))
    nodes = {span.span_id: Node(span) for span in kept}
    roots = []
    for node in nodes.values():
        cause = _cause(node, nodes)
        if cause is None:
            node.lost = bool(node.span.parent_id)
            roots.append(node)
        else:
            node.parent = cause
            cause.children.append(node)
    if root is None:
        return Tree(roots)
    top = Node(root, roots)
    for node in roots:
        node.parent = top
    return Tree([top])


def _cause(node: Node, nodes: dict[str, Node]) -> Node | None:
    """Never one of its own effects: a link to a later span would close a circle."""
    span = node.span
    parent = nodes.get(span.parent_id)
    if parent is not None:
        return parent
    for link in span.links:
        found = nodes.get(span_id(link))
        if found is not None and found.span.start <= span.start and found is not node:
            node.linked = True
            return found
    return None
