"""What a sequence diagram shows of a causal tree: the messages between components, and their decisions. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cli.tracing.text import is_idle, label, short_name
from cli.tracing.tree import Node, Tree

ORDER = (
    "command",
    "apiserver",
    "etcd",
    "controller-manager",
    "scheduler",
    "kubelet",
    "runtime",
    "docker",
    "kube-proxy",
    "dns",
)
MESSAGES = 400  # drawn at most: more is no diagram any more; the tree below it has them all
TEXT_CHARS = 46
_UNCHANGED = ("no change", "no rule differs")  # decisions after which nothing happens


@dataclass(frozen=True)
class Message:
    """An arrow; from a component to itself if it is a decision."""

    at: float
    sender: str
    receiver: str
    text: str
    detail: str
    critical: bool


def messages(tree: Tree, critical: set[int]) -> list[Message]:
    """In order of time; deliveries and looks that led to nothing, admission and Events are left out."""
    found = [one for root in tree.roots for one in _of(root, critical)]
    return sorted(found, key=lambda one: one.at)[:MESSAGES]


def actors(found: list[Message]) -> list[str]:
    """Everyone who sends or receives, from the one who asks to the one who does."""
    names = {name for one in found for name in (one.sender, one.receiver)}
    return sorted(names, key=lambda name: (_rank(name), name))


def _rank(name: str) -> int:
    return next((index for index, start in enumerate(ORDER) if name.startswith(start)), len(ORDER))


def _of(node: Node, critical: set[int]) -> list[Message]:
    span = node.span
    if span.name.endswith(" events"):
        return []
    found = [one for child in node.children for one in _of(child, critical)]
    ends = _ends(node)
    counts = bool(found) or id(node) in critical or not _changes_nothing(node)
    if ends is None or not counts:
        return found
    return [Message(span.start, *ends, _short(_text(node)), label(node), id(node) in critical), *found]


def _changes_nothing(node: Node) -> bool:
    """By itself: a delivery, or a look after which all stayed as it was."""
    decided = node.span.attributes.get("decided", "")
    return node.span.name.startswith("watch:") or is_idle(node) or decided.startswith(_UNCHANGED)


def _ends(node: Node) -> tuple[str, str] | None:
    """From whom to whom; None for what is no message and no decision."""
    span = node.span
    above = node.parent.span.component if node.parent is not None else span.component
    if span.name == "etcd txn":
        return span.component, "etcd"
    if span.name.startswith("docker:"):
        return span.component, "docker"
    if span.name.startswith("watch:"):
        return "apiserver", span.component
    if span.component != above:
        return above, span.component
    if span.attributes.get("decided"):
        return span.component, span.component
    return None


def _short(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}…"


def _text(node: Node) -> str:
    span, about = node.span, node.span.attributes
    if about.get("decided"):
        return about["decided"]
    if span.name == "etcd txn":
        return f"txn {about.get('key', '').rpartition('/')[2]}"
    what = (about.get("object") or about.get("subject") or "").rpartition("/")[2]
    return f"{short_name(span.name)} {what}".strip()
