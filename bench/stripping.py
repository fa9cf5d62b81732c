"""The seams taken out of a module's syntax tree: gates, spans, trace contexts, capture. Pure; `bench.bare` compiles it.

What is recognised is how components use their seams, so a use of a new kind must be added here; a test sees to it.
"""

from __future__ import annotations

import ast
from typing import Any, Final

NO_SPAN: Final = "_no_span"
PASS: Final = "_pass"
"""Names that a stripped module expects among its globals: what a span's name means then, and the verdict of no gate."""

_BLOCKS: Final = (
    ("tracer", "span"),
    ("tracer", "step"),
    ("self", "_span"),
    ("activity", "doing"),
)  # `with seams.tracer.span(...):`
_CONSTANTS: Final[dict[str, str | bool | None]] = {
    "attach": None,
    "begin": None,
    "current": "",
    "current_span_id": "",
    "detach": None,
    "gathers_reads": False,
    "note": None,
    "note_read": None,
    "sending": "",
    "pass_request_gate": None,
    "pass_rpc_gate": None,
    "passes_freely": True,
}
"""What a call of a seam gives where there is none."""

_OWNERS: Final = ("trace", "gates", "activity", "_activity", "_gates", "tracer")
_MODULES: Final = ("wire.trace", "wire.call_gate")  # what is imported from them has no owner


class Stripper(ast.NodeTransformer):
    """Takes the seams out of one module. `stripped` counts them."""

    def __init__(self) -> None:
        self.stripped = 0
        self._imported: set[str] = set()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module in _MODULES:
            self._imported |= {one.name for one in node.names}
        return node

    def _visit_with(self, node: Any) -> Any:
        self.generic_visit(node)
        kept = [item for item in node.items if not _is_seam_block(item.context_expr)]
        names = [item.optional_vars for item in node.items if item not in kept and item.optional_vars is not None]
        self.stripped += len(node.items) - len(kept)
        body = [ast.Assign([name], ast.Name(NO_SPAN, ast.Load())) for name in names]
        if not kept:
            return [*body, *node.body]
        node.items, node.body = kept, [*body, *node.body]
        return node

    visit_With = visit_AsyncWith = _visit_with

    def visit_Await(self, node: ast.Await) -> Any:
        call = node.value
        if isinstance(call, ast.Call) and _name_of(call.func) == "pass_through":
            self.stripped += 1
            return ast.Name(PASS, ast.Load())
        self.generic_visit(node)
        return node.value if isinstance(node.value, ast.Constant) else node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        name = _name_of(node.func)
        owner = _owner_of(node)
        if name in _CONSTANTS and (owner in _OWNERS or (not owner and name in self._imported)):
            self.stripped += 1
            return ast.Constant(_CONSTANTS[name])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        if node.attr in ("active", "bodies") and _name_of(node.value) == "capture":
            self.stripped += 1
            return ast.Constant(False)
        return node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        known = _known(node.test)
        if known is None:
            return node
        return (node.body if known else node.orelse) or ast.Pass()

    def visit_Expr(self, node: ast.Expr) -> Any:
        self.generic_visit(node)
        call = node.value
        if isinstance(call, ast.Call) and _name_of(call.func) == "end" and _owner_of(call) in ("activity", "_activity"):
            self.stripped += 1
            return ast.Pass()
        return ast.Pass() if isinstance(call, ast.Constant) and not isinstance(call.value, str) else node

    def _visit_assignment(self, node: Any) -> Any:
        """What is told of a span."""
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Attribute) and _name_of(target.value) in ("span", "step"):
            self.stripped += 1
            return ast.Pass()
        self.generic_visit(node)
        return node

    visit_Assign = visit_AugAssign = _visit_assignment


def strip(source: str | bytes, path: str) -> tuple[ast.Module, int]:
    """A module's syntax tree without seams, and how many there were."""
    stripper = Stripper()
    tree = stripper.visit(ast.parse(source, path))
    return ast.fix_missing_locations(tree), stripper.stripped


def _is_seam_block(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    owner, name = _owner_of(node), _name_of(node.func)
    return (owner, name) in _BLOCKS


def _known(test: ast.expr) -> bool | None:
    """The value of a condition that depends on seams only."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _known(test.operand)
        return None if inner is None else not inner
    return None


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _owner_of(call: ast.Call) -> str:
    return _name_of(call.func.value) if isinstance(call.func, ast.Attribute) else ""
