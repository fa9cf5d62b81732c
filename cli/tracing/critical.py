"""The critical path: the chain of causes behind the last thing that happened, and where it waited. Pure.

It is found from its end: each step's predecessor is what kept it from starting sooner. That is its cause, or the last
of its elder siblings that did the same work on the same object (passes over one pod never overlap).
"""

from __future__ import annotations

from dataclasses import dataclass

from cli.tracing.tree import Node, Tree

_ABOUT = ("key", "pod", "node")  # attributes that name what serial work is about


@dataclass(frozen=True)
class Step:
    """`waited` passed before it, with nothing of the path running; `busy` is its own share of the path."""

    node: Node
    waited: float
    busy: float


def critical_path(tree: Tree) -> list[Step]:
    """From the first cause to the last effect that counts; [] for an empty tree."""
    last = _last(tree)
    chain: list[Node] = []
    while last is not None and last not in chain:
        chain.append(last)
        last = _predecessor(last)
    chain.reverse()
    return [_step(chain, at) for at in range(len(chain))]


def _last(tree: Tree) -> Node | None:
    """The write that ended last, events (which nothing waits for) left out; without any, whatever ended last."""
    nodes = [node for node, _ in tree.nodes() if node.span.end]
    writes = [node for node in nodes if node.span.component == "apiserver" and node.span.attributes.get("revision")]
    counting = [node for node in writes if not _is_event(node)]
    return max(counting or nodes, key=lambda node: node.span.end, default=None)


def _is_event(node: Node) -> bool:
    key = node.span.attributes.get("key", "")
    return node.span.name.endswith(" events") or key.startswith("/registry/events/")


def _predecessor(node: Node) -> Node | None:
    cause = node.parent
    if cause is None or cause.span.end == 0 or node.span.start <= cause.span.end:
        return cause
    elder = [one for one in cause.children if one is not node and _same_work(one, node)]
    before = [one for one in elder if cause.span.start <= one.span.start and 0 < one.span.end <= node.span.start]
    return max(before, key=lambda one: one.span.end, default=cause)


def _same_work(one: Node, other: Node) -> bool:
    a, b = one.span, other.span
    if (a.component, a.name) != (b.component, b.name):
        return False
    return all(a.attributes.get(name) == b.attributes.get(name) for name in _ABOUT)


def _step(chain: list[Node], at: int) -> Step:
    span = chain[at].span
    before = chain[at - 1].span if at else None
    after = chain[at + 1].span if at + 1 < len(chain) else None
    waited = max(0.0, span.start - before.end) if before is not None and before.end else 0.0
    end = span.end or span.start
    busy = max(0.0, (min(end, after.start) if after is not None else end) - span.start)
    return Step(chain[at], waited, busy)
