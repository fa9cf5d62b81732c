"""The critical path: the chain of causes behind the last thing that happened, and where it waited. Pure.

It is found from its end. Going back in time through a piece of work, the path goes down into the last call that the
work waited for, then on from where that call began. Where a piece of work begins, the path goes on with what kept it
from beginning sooner: its cause or, if that was long over, the last of the same work on the same object (passes over
one pod never overlap).
"""

from __future__ import annotations

from dataclasses import dataclass

from cli.tracing.tree import Node, Tree

_ABOUT = ("key", "pod", "node")  # attributes that name what serial work is about
_NOT_AWAITED = ("watch:", "reconcile:", "sync", "schedule", "admission ")
"""What is set off and goes on by itself; and admission, which is part of its request."""


@dataclass
class Step:
    """`waited` passed before it, with nothing of the path running; `busy` is its own share of the path."""

    node: Node
    waited: float = 0.0
    busy: float = 0.0


def critical_path(tree: Tree) -> list[Step]:
    """From the first cause to the last effect that counts; [] for an empty tree."""
    last = _last(tree)
    if last is None:
        return []
    path = _Path(tree)
    path.back_from(last)
    return sorted(path.steps.values(), key=lambda step: step.node.span.start)


def _last(tree: Tree) -> Node | None:
    """The write that ended last, events (which nothing waits for) left out; without any, whatever ended last."""
    nodes = [node for node, _ in tree.nodes() if node.span.end]
    writes = [node for node in nodes if node.span.component == "apiserver" and node.span.attributes.get("revision")]
    requests = [node for node in writes if node.span.name != "etcd txn"]
    counting = [node for node in requests or writes if not is_event(node)]
    return max(counting or nodes, key=lambda node: node.span.end, default=None)


def is_event(node: Node) -> bool:
    """Does it write an Event?"""
    key = node.span.attributes.get("key", "")
    return node.span.name.endswith(" events") or key.startswith("/registry/events/")


class _Path:
    """The steps found so far, by the id of their node."""

    def __init__(self, tree: Tree) -> None:
        self.steps: dict[int, Step] = {}
        self._passes: dict[tuple[str, ...], list[Node]] = {}
        for node, _ in tree.nodes():
            self._passes.setdefault(_work(node), []).append(node)

    def back_from(self, last: Node) -> None:
        node: Node | None = last
        until = last.span.end
        while node is not None and id(node) not in self.steps:
            self._through(node, until)
            before = self._before(node)
            if before is not None and before.span.end and before.span.end < node.span.start:
                self.steps[id(node)].waited = node.span.start - before.span.end
                until = before.span.end
            else:
                until = node.span.start
            node = before

    def _through(self, node: Node, until: float) -> None:
        """Back through a piece of work, down into the calls that it waited for."""
        step = self.steps[id(node)] = Step(node)
        at = until
        calls = [one for one in node.children if _is_awaited(one, node)]
        for call in sorted(calls, key=lambda one: -one.span.end):
            if call.span.end <= at and id(call) not in self.steps:
                step.busy += at - call.span.end
                self._through(call, call.span.end)
                at = call.span.start
        step.busy += max(0.0, at - node.span.start)

    def _before(self, node: Node) -> Node | None:
        """What kept it from beginning sooner."""
        cause, start = node.parent, node.span.start
        if cause is None or not cause.span.end or start <= cause.span.end:
            return cause
        same = self._passes[_work(node)] if any(name in node.span.attributes for name in _ABOUT) else []
        passes = [one for one in same if one is not node and cause.span.start <= one.span.end <= start]
        return max(passes, key=lambda one: one.span.end, default=cause)


def _work(node: Node) -> tuple[str, ...]:
    """Work of one name on one object is serial."""
    span = node.span
    return (span.component, span.name, *(span.attributes.get(name, "") for name in _ABOUT))


def _is_awaited(call: Node, work: Node) -> bool:
    """Did `work` go on only when the call was over?"""
    inside = work.span.start <= call.span.start and 0 < call.span.end <= (work.span.end or call.span.end)
    return inside and not call.linked and not call.span.name.startswith(_NOT_AWAITED) and not is_event(call)
