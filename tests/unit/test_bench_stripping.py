"""The seams compiled out: nothing of them is left in any module, and everything else is as it was."""

from __future__ import annotations

import ast

import pytest

from bench import bare
from bench.stripping import strip

SEAMS = {
    "pass_through", "passes_freely", "pass_request_gate", "pass_rpc_gate", "attach", "detach", "current",
    "current_span_id", "note", "note_read", "gathers_reads",
}  # fmt: skip
TABLE = [
    ("with seams.tracer.span('x') as span:\n    f()", "span = _no_span\nf()"),
    ("with lock, self._seams.tracer.span('x'):\n    f()", "with lock:\n    f()"),
    ("verdict = await gates.pass_through(edge, Subject())", "verdict = _pass"),
    ("if not gates.passes_freely(edge):\n    await pass_request_gate(seams, edge, m)\nf()", "pass\nf()"),
    ("if gates.passes_freely(edge):\n    return events\nf()", "return events\nf()"),
    ("if self._seams.capture.active:\n    tell()\nelse:\n    f()", "f()"),
    ("token = trace.attach(context)\ntrace.detach(token)", "token = None\npass"),
    ("request.traceparent = request.traceparent or trace.current()", "request.traceparent = request.traceparent or ''"),
    ("span.attributes['x'] = f()\nspan.attributes |= {}\nspan.reads = {}", "pass\npass\npass"),
    ("work = self._activity.begin(e)\nself._activity.end(work)", "work = None\npass"),
    ("trace.note(a='b')", "pass"),
    ("from wire.trace import note\nnote(a='b')", "from wire.trace import note\npass"),
    ("f(note='b')\nself.note('x')\ncurrent = versions.current()", None),
]


@pytest.mark.parametrize(("source", "expected"), TABLE)
def test_each_kind_of_seam(source: str, expected: str | None) -> None:
    tree, count = strip(source, "x.py")
    assert ast.unparse(tree) == ast.unparse(ast.parse(expected or source))
    assert (count > 0) is (expected is not None)


def test_nothing_is_left_anywhere() -> None:
    left = []
    for path in bare.modules():
        tree, _ = strip(path.read_bytes(), str(path))
        compile(tree, str(path), "exec")
        left += [f"{path.relative_to(bare.ROOT)}:{line} {what}" for line, what in _seams_in(tree)]
    assert left == []


def _seams_in(tree: ast.Module) -> list[tuple[int, str]]:
    """Calls of anything that `wire.trace` and `wire.gates` offer, by the names under which modules know them."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("wire.trace", "wire.call_gate")
        for alias in node.names
    }
    found = []
    for node in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        function = node.func
        if isinstance(function, ast.Name) and function.id in imported & SEAMS:
            found.append((node.lineno, function.id))
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name | ast.Attribute):
            owner = function.value.id if isinstance(function.value, ast.Name) else function.value.attr
            if (owner in ("trace", "gates") and function.attr in SEAMS) or function.attr == "pass_through":
                found.append((node.lineno, f"{owner}.{function.attr}"))
    return found
