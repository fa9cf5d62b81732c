"""A causal tree as text. Pure.

time      took      what
  0.0 ms    6.8 ms * apiserver  create deployments default/web ...
"""

from __future__ import annotations

import re

from cli.tracing.critical import Step, critical_path
from cli.tracing.limits import TOLD_CHARS
from cli.tracing.tree import Node, Tree
from client.controller import NOTHING
from wire.span import Span
from wire.span_file import INTERRUPTED

_SHORT = {
    "/runtime.v1.RuntimeService/": "CRI ",
    "/runtime.v1.ImageService/": "CRI ",
    "/orrery.api.v1.Api/": "api ",
    "docker:": "docker ",
}
_TOLD = ("decided", "read", "outcome", "error", "message", "again_in")
_ROUTINE = "reconcile:garbage-collector"  # looks at every object that is written
_LONG_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # of a container, an image


def render(tree: Tree, title: str, *, everything: bool = False) -> str:
    """Idle deliveries are counted, and admission that passed is left out, unless `everything` is wanted."""
    path = critical_path(tree)
    lines = [title, "", f"{'time':>10} {'took':>10}   what (* is on the critical path)"]
    for root in tree.roots:
        lines += _lines(root, "", tree.start, {id(step.node) for step in path}, everything)
    return "\n".join([*lines, "", *summary(tree, path)])


def _lines(node: Node, indent: str, start: float, critical: set[int], everything: bool) -> list[str]:
    mark = "*" if id(node) in critical else " "
    lines = [f"{_ms(node.span.start - start)} {_took(node.span)} {mark} {indent}{label(node)}"]
    shown, idle = split_idle(node, critical, everything)
    if node.span.name == "create events" and not everything:
        return lines  # how an Event is written is the same each time
    for child in shown:
        lines += _lines(child, indent + "  ", start, critical, everything)
    if idle:
        names = ", ".join(sorted({one.span.component for one in idle}))
        lines.append(f"{_ms(idle[0].span.start - start)} {'':>10}   {indent}  also delivered to {names}: nothing to do")
    return lines


def split_idle(node: Node, critical: set[int], everything: bool) -> tuple[list[Node], list[Node]]:
    """Children worth a line, and deliveries that nobody acted on. Admission that let pass is in neither."""
    if everything:
        return node.children, []
    shown, idle = [], []
    for child in node.children:
        if id(child) not in critical and is_idle(child):
            idle.append(child)
        elif not _is_dull(child.span):
            shown.append(child)
    return shown, idle


def is_idle(node: Node) -> bool:
    """A delivery that nobody acted on, or a look that found nothing to do."""
    name = node.span.name
    if name.startswith("watch:"):
        return all(map(is_idle, node.children))
    nothing = node.span.attributes.get("decided", NOTHING) == NOTHING or name == _ROUTINE
    return name.startswith("reconcile:") and nothing and not node.children and "error" not in node.span.attributes


def _is_dull(span: Span) -> bool:
    """Admission that let pass changes nothing that the write itself would not show."""
    return span.name in ("admission validate", "admission mutate") and "error" not in span.attributes


def label(node: Node) -> str:
    """Who, what, about what, and what it said."""
    span = node.span
    about = span.attributes
    what = about.get("object") or about.get("key") or about.get("pod") or about.get("subject") or about.get("services")
    words = [span.component, short_name(span.name), what or about.get("path", "")]
    if about.get("revision") and "outcome" not in about:
        words[2] += f"@{about['revision']}"
    words += [f"by {about['user']}"] if "user" in about else []
    words += [f"-> {about['code']}"] if "code" in about else []
    words += [f"[{about['type']}]"] if "type" in about else []
    told = "; ".join(f"{name.replace('_', ' ')} {about[name]}" for name in _TOLD if about.get(name))
    line = _LONG_ID.sub(r"\1", " ".join(word for word in words if word)) + (f" | {_cut(told)}" if told else "")
    line += " (here by a link: it had several causes)" if node.linked else ""
    line += f" (INTERRUPTED: {about[INTERRUPTED]})" if INTERRUPTED in about else ""
    return line + (" (GAP: what caused it is lost)" if node.lost else "")


def _cut(told: str) -> str:
    return told if len(told) <= TOLD_CHARS else f"{told[:TOLD_CHARS]}…"


def short_name(name: str) -> str:
    for prefix, short in _SHORT.items():
        if name.startswith(prefix):
            return short + name.removeprefix(prefix)
    return name


def summary(tree: Tree, path: list[Step]) -> list[str]:
    """What it all came to: how long, how much, where the time went."""
    spans = tree.spans()
    if not spans:
        return ["nothing was found"]
    components = sorted({span.component for span in spans})
    lines = [
        f"{len(spans)} spans of {len(components)} components ({', '.join(components)}) in "
        f"{(tree.end - tree.start) * 1000:.1f} ms; "
        + (f"{len(tree.gaps)} GAPS: spans whose cause is lost" if tree.gaps else "no gaps")
    ]
    if tree.interrupted:
        lines.append(f"interrupted: {', '.join(_whose(span) for span in tree.interrupted)}")
    if tree.under_way:
        lines.append(f"still under way: {', '.join(short_name(span.name) for span in tree.under_way)}")
    if path:
        busy, waited = sum(one.busy for one in path), sum(one.waited for one in path)
        lines.append(f"critical path: {len(path)} steps, {busy * 1000:.1f} ms at work, {waited * 1000:.1f} ms waiting")
        lines += _most("worked", "in", [(one.node.span, one.busy) for one in path])
        lines += _most("waited", "for", [(one.node.span, one.waited) for one in path if one.waited > 0.0005])
    return lines


def _most(did: str, what: str, parts: list[tuple[Span, float]]) -> list[str]:
    """The three kinds of work that most of the path's time went into."""
    times: dict[str, list[float]] = {}
    for span, seconds in parts:
        times.setdefault(_whose(span), []).append(seconds)
    most = sorted(times.items(), key=lambda item: -sum(item[1]))[:3]
    return [
        f"  {did} {_ms(sum(each))} {what} {name}" + (f" ({len(each)} times)" if len(each) > 1 else "")
        for name, each in most
        if sum(each) > 0
    ]


def _whose(span: Span) -> str:
    return f"{span.component} {short_name(span.name)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:7.1f} ms"


def _took(span: Span) -> str:
    return _ms(span.end - span.start) if span.end else "under way "
