"""Waiting for a Compose cluster: what is told, and when it is given up."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cli import compose


def answers(*texts: str) -> Iterator[str]:
    yield from texts


def test_changes_are_told_once_and_it_ends_when_nothing_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "RETRY_SECONDS", 0.0)
    said = answers("the apiserver", "the apiserver", "nodes: 1 of 2 Ready", "")
    compose.wait_for(lambda: next(said), time.monotonic() + 60)
    assert capsys.readouterr().out == "waiting: the apiserver\nwaiting: nodes: 1 of 2 Ready\n"


def test_it_gives_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "RETRY_SECONDS", 0.0)
    with pytest.raises(SystemExit, match="gave up"):
        compose.wait_for(lambda: "nodes", time.monotonic() - 1)
