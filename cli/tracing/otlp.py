"""A causal tree as OTLP/JSON (opentelemetry-proto, `ExportTraceServiceRequest`). Pure.

A viewer joins spans by trace id, so all of one tree get the first root's; each keeps its own as an attribute.
"""

from __future__ import annotations

from typing import Any

from cli.tracing.tree import Node, Tree
from wire.span import Span, span_id
from wire.span_file import INTERRUPTED

JSON = dict[str, Any]


def export(tree: Tree) -> JSON:
    """One ResourceSpans per component."""
    if not tree.roots:
        return {"resourceSpans": []}
    trace_id = tree.roots[0].span.trace_id
    inside = {node.span.span_id for node, _ in tree.nodes()}
    by_component: dict[str, list[JSON]] = {}
    for node, _ in tree.nodes():
        by_component.setdefault(node.span.component, []).append(_span(node, trace_id, inside))
    return {"resourceSpans": [_resource(component, spans) for component, spans in sorted(by_component.items())]}


def _resource(component: str, spans: list[JSON]) -> JSON:
    return {
        "resource": {"attributes": [_attribute("service.name", component)]},
        "scopeSpans": [{"scope": {"name": "orrery"}, "spans": spans}],
    }


def _span(node: Node, trace_id: str, inside: set[str]) -> JSON:
    span = node.span
    attributes = {**span.attributes, "orrery.trace_id": span.trace_id}
    if node.lost:
        attributes["orrery.gap"] = "its cause is lost"
    tree: JSON = {
        "traceId": trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": _nanoseconds(span.start),
        "endTimeUnixNano": _nanoseconds(span.end or span.start),
        "attributes": [_attribute(name, value) for name, value in sorted(attributes.items())],
        "links": [_link(link, trace_id, inside) for link in span.links if span_id(link)],
        "status": _status(span),
    }
    if node.parent is not None:
        tree["parentSpanId"] = node.parent.span.span_id
    return tree


def _link(link: str, trace_id: str, inside: set[str]) -> JSON:
    return {"traceId": trace_id if span_id(link) in inside else link.split("-")[1], "spanId": span_id(link)}


def _status(span: Span) -> JSON:
    about = span.attributes
    told = next((about[name] for name in ("message", "error", INTERRUPTED) if name in about), "")
    return {"code": 2, "message": told} if "error" in about or INTERRUPTED in about else {}


def _attribute(name: str, value: str) -> JSON:
    return {"key": name, "value": {"stringValue": value}}


def _nanoseconds(seconds: float) -> str:
    return str(round(seconds * 1_000_000) * 1000)
