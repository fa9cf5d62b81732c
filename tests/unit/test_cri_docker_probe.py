"""Which Docker engine can be used, and why another cannot."""

from __future__ import annotations

from pathlib import Path

from cri.docker.probe import Answer, probe, usable

ENGINE = Answer(True, "Docker engine 20.10 answers", {"bridge": ["172.17.0.0/16"]})


def test_only_root_can_use_one() -> None:
    assert usable(ENGINE, 0) == ENGINE
    refused = usable(ENGINE, 1000)
    assert (refused.ok, refused.detail) == (
        False,
        "Docker engine 20.10 answers, but only root may enter its containers' namespaces",
    )


def test_none_is_none_whoever_asks(tmp_path: Path) -> None:
    none = probe(str(tmp_path / "docker.sock"))
    assert not none.ok and "no Docker engine answers at" in none.detail
    assert usable(none, 1000) == none
