"""What `orrery trace` writes beside its tree, and what it says of messages that are held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli.debugging.fleet import Answers, Fleet
from cli.errors import UserError
from cli.tracing.trace import TraceOptions, _export, held_of, trace
from cli.tracing.tree import Tree, build
from proto import debug_pb2
from wire.span import Span

A, B, HOP = "a" * 32, "b" * 32, "1" * 16


def tree() -> Tree:
    return build([Span(A, HOP, "", "apiserver", "create pods", 1.0, 2.0)], frozenset([A]))


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize(
    ("place", "why"), [("none/x", "there is no folder"), ("folder", "is a folder"), ("sealed/x", "permission denied")]
)
def test_a_place_that_cannot_be_written_is_refused_before_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, html: bool, place: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "sealed").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "sealed")
    file = str(tmp_path / place)
    options = TraceOptions(["true"], html=file) if html else TraceOptions(["true"], otlp=file)
    with pytest.raises(UserError, match=why) as refused:
        asyncio.run(trace("there-is-no-such-cluster", options))
    assert f"{'--html' if html else '--otlp'} {file}" in str(refused.value)


def test_what_cannot_be_written_later_costs_a_line_and_not_the_tree(tmp_path: Path) -> None:
    options = TraceOptions(otlp=str(tmp_path / "none" / "x.json"), html=str(tmp_path / "x.html"))
    said, failed = _export(tree(), "title", options)
    assert failed
    assert said[0].endswith("x.json could not be written: No such file or directory")
    assert said[1] == f"page: {options.html}"
    assert "title" in Path(options.html).read_text()
    assert _export(tree(), "title", TraceOptions()) == ([], False)


class FakeFleet:
    """Components that hold messages."""

    def __init__(self, **held: list[dict[str, Any]]) -> None:
        self._held = held

    async def ask(self, call: Callable[[Any], Any], pattern: str = "*") -> Answers[debug_pb2.ListHeldResponse]:
        stub = SimpleNamespace(ListHeld=lambda request: request)
        assert isinstance(call(stub), debug_pb2.ListHeldRequest)
        got = {name: debug_pb2.ListHeldResponse(held=each) for name, each in self._held.items()}
        return Answers(got, {})


def test_held_messages_of_the_tree_are_where_it_waits() -> None:
    mine = {"edge": "schedule:bind", "kind": "Pod", "namespace": "default", "name": "web-1", "rule_id": "hold-1"}
    fleet = FakeFleet(
        scheduler=[
            {"id": 3, "traceparent": f"00-{A}-{HOP}-01", **mine},
            {"id": 4, "traceparent": f"00-{B}-{HOP}-01", **mine},
            {"id": 5, **mine},
        ]
    )
    assert asyncio.run(held_of(cast(Fleet, fleet), tree())) == [
        "waiting at a gate: schedule:bind Pod default/web-1 (hold-1); orrery release scheduler:3 lets it pass"
    ]
