"""A causal tree as one self-contained HTML page: a sequence diagram above, the tree below. Pure.

Nothing is loaded from anywhere: style, script and drawing are in the page, so that it opens on any projector.
"""

from __future__ import annotations

from html import escape

from cli.tracing.critical import critical_path
from cli.tracing.sequence import Message, actors, messages
from cli.tracing.text import label, split_idle, summary
from cli.tracing.tree import Node, Tree
from wire.span_file import INTERRUPTED

LANE, ROW, HEAD = 172, 34, 48  # pixels: between lifelines, between messages, of the names above them
MARGIN, ACTOR = 70, 158  # pixels: for the times on the left, of a component's box


def page(tree: Tree, title: str) -> str:
    path = critical_path(tree)
    critical = {id(step.node) for step in path}
    told = "\n".join(f"<li>{escape(line.strip())}</li>" for line in summary(tree, path))
    rows = "\n".join(_row(root, tree, critical, 0) for root in tree.roots)
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        script=_SCRIPT,
        summary=told,
        diagram=diagram(messages(tree, critical), tree.start),
        tree=rows,
    )


def diagram(found: list[Message], start: float) -> str:
    """SVG: a lifeline per component, an arrow per message, in order of time. The names stay when it is scrolled."""
    lanes = {name: LANE * index + LANE // 2 + MARGIN for index, name in enumerate(actors(found))}
    width, height = LANE * len(lanes) + 2 * MARGIN, ROW * len(found) + 30
    names = [f'<svg class="names" width="{width}" height="{HEAD}" role="img">']
    parts = [f'<svg width="{width}" height="{height}" role="img">', _ARROWS]
    for name, x in lanes.items():
        names.append(f'<rect class="actor" x="{x - ACTOR // 2}" y="8" width="{ACTOR}" height="32" rx="6"/>')
        names.append(f'<text class="name" x="{x}" y="29">{escape(name)}</text>')
        parts.append(f'<line class="life" x1="{x}" y1="0" x2="{x}" y2="{height}"/>')
    parts += [_arrow(one, ROW * row, lanes, start) for row, one in enumerate(found)]
    return "\n".join([*names, "</svg>", *parts, "</svg>"])


def _arrow(one: Message, y: int, lanes: dict[str, int], start: float) -> str:
    kind = "critical" if one.critical else "plain"
    begin, end = lanes[one.sender], lanes[one.receiver]
    clock = f'<text class="clock" x="6" y="{y + 20}">{(one.at - start) * 1000:.1f} ms</text>'
    if begin == end:
        drawn = f'<path class="arrow {kind}" d="M{begin} {y + 8}h26v14h-20" marker-end="url(#{kind})"/>'
        text = f'<text class="what left {kind}" x="{begin + 32}" y="{y + 19}">'
    else:
        tip = end - 3 if end > begin else end + 3
        drawn = f'<line class="arrow {kind}" x1="{begin}" y1="{y + 18}" x2="{tip}" y2="{y + 18}" '
        drawn += f'marker-end="url(#{kind})"/>'
        text = f'<text class="what {kind}" x="{(begin + end) / 2}" y="{y + 13}">'
    return f"<g>{clock}{drawn}{text}{escape(one.text)}<title>{escape(one.detail)}</title></text></g>"


def _row(node: Node, tree: Tree, critical: set[int], depth: int) -> str:
    """One line of the tree with a bar on the common time axis, and all under it."""
    span = node.span
    whole = max(tree.end - tree.start, 1e-9)
    left = 100 * (span.start - tree.start) / whole
    wide = max(0.3, 100 * ((span.end or tree.end) - span.start) / whole)
    took = f"{(span.end - span.start) * 1000:.1f} ms" if span.end else "under way"
    trouble = node.lost or INTERRUPTED in span.attributes
    marks = [*(["critical"] if id(node) in critical else []), *(["trouble"] if trouble else [])]
    mark = f' class="{" ".join(marks)}"' if marks else ""
    facts = "\n".join(f"{name}: {value}" for name, value in sorted(span.attributes.items()))
    line = (
        f'<span class="at">{(span.start - tree.start) * 1000:.1f} ms</span><span class="took">{took}</span>'
        f'<span class="bar"><i style="left:{left:.2f}%;width:{min(wide, 100 - left):.2f}%"></i></span>'
        f'<span class="label" style="padding-left:{depth * 14}px" title="{escape(facts)}">{escape(label(node))}</span>'
    )
    shown, idle = split_idle(node, critical, everything=False)
    if idle:
        names = ", ".join(sorted({one.span.component for one in idle}))
        line += f'<span class="idle">also delivered to {escape(names)}: nothing to do</span>'
    if not shown or span.name == "create events":
        return f"<div{mark}><p>{line}</p></div>"
    inside = "\n".join(_row(child, tree, critical, depth + 1) for child in shown)
    return f"<details open{mark}><summary>{line}</summary>\n{inside}</details>"


_ARROWS = "".join(
    f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path class="tip {kind}" d="M0 0L8 4L0 8z"/></marker>'
    for kind in ("plain", "critical")
)
_STYLE = """
:root { --ink: #1c2430; --dim: #667085; --line: #c9d1dc; --plain: #3b6ea8; --hot: #c2410c; --paper: #fff; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 24px; }
h1 { font-size: 22px; } h2 { font-size: 18px; margin-top: 28px; }
button { font: inherit; padding: 4px 12px; margin-right: 8px; cursor: pointer; }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 8px; max-height: 80vh; }
.actor { fill: #eef3f9; stroke: var(--plain); } .name { text-anchor: middle; font-weight: 600; font-size: 14px; }
.life { stroke: var(--line); stroke-dasharray: 4 4; } .clock { font-size: 11px; fill: var(--dim); }
.arrow { fill: none; stroke: var(--plain); stroke-width: 1.6; }
.arrow.critical { stroke: var(--hot); stroke-width: 2.6; }
.tip { fill: var(--plain); } .tip.critical { fill: var(--hot); }
.what { text-anchor: middle; font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.what.left { text-anchor: start; } .what.critical { fill: var(--hot); font-weight: 600; }
.tree p, .tree summary { display: flex; gap: 10px; margin: 0; padding: 1px 4px; align-items: center; }
.tree p { list-style: none; } .tree summary { cursor: pointer; }
.tree summary .label::before { content: "▸ "; } .tree details[open] > summary .label::before { content: "▾ "; }
.tree p .label::before { content: "· "; }
.at, .took { flex: 0 0 84px; text-align: right; font-variant-numeric: tabular-nums; color: var(--dim); }
.bar { flex: 0 0 180px; height: 10px; background: #f2f5f9; position: relative; border-radius: 3px; }
.bar i { position: absolute; top: 0; bottom: 0; background: var(--plain); border-radius: 3px; min-width: 2px; }
.critical > summary > .bar i, .critical > p > .bar i { background: var(--hot); }
.critical > summary > .label, .critical > p > .label { color: var(--hot); font-weight: 600; }
.trouble > summary > .label, .trouble > p > .label { color: #b00020; font-weight: 600; }
.names { position: sticky; top: 0; display: block; background: var(--paper); z-index: 1; }
.label { white-space: nowrap; } .idle { color: var(--dim); font-size: 12px; white-space: nowrap; }
.big { zoom: 1.35; }
"""
_SCRIPT = """
const all = open => document.querySelectorAll('.tree details').forEach(one => one.open = open);
document.getElementById('open').onclick = () => all(true);
document.getElementById('shut').onclick = () => all(false);
document.getElementById('path').onclick = () => document.querySelectorAll('.tree details')
  .forEach(one => one.open = one.classList.contains('critical'));
document.getElementById('big').onclick = () => document.body.classList.toggle('big');
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head><body>
<h1>{title}</h1>
<ul>{summary}</ul>
<p><button id="big">larger</button> orange: the critical path. First who told whom, as arrows; then
<a href="#tree">what caused what</a>, as a tree.</p>
<h2>Who told whom</h2>
<div class="scroll">{diagram}</div>
<h2 id="tree">What caused what</h2>
<p>Click a line to close or open it. <button id="path">critical path</button><button id="open">open all</button><button
id="shut">close all</button></p>
<div class="scroll tree">{tree}</div>
<script>{script}</script>
</body></html>
"""
