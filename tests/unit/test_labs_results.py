"""Where `orrery lab check` leaves its result: seen to before anything is judged, and no reason to lose what was."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.errors import UserError
from cli.lab import checking
from cli.lab.model import Lab, all_labs
from cli.lab.summary import read
from cli.lab.workspace import Workspace


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A cluster in which nothing has to be met; gives what was judged."""
    done: list[str] = []

    def judge(lab: Lab, evidence: object) -> list[checking.Judged]:
        done.append(lab.id)
        return []

    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checking, "running", lambda name: SimpleNamespace(runtime="sim"))
    monkeypatch.setattr(checking, "read_start", lambda space, lab: SimpleNamespace(started=0.0))
    monkeypatch.setattr(checking, "ClusterEvidence", lambda *args: None)
    monkeypatch.setattr(checking, "judge", judge)
    Workspace.of("one", all_labs()[0]).result.parent.mkdir(parents=True)
    return done


def test_the_folder_of_a_result_is_made(tmp_path: Path, judged: list[str]) -> None:
    out = tmp_path / "results" / "of" / "ann.json"
    said, right = checking.check("one", all_labs()[0], "ann", str(out))
    assert right and said.endswith(f"result: {out}")
    assert json.loads(out.read_text())["student"] == "ann"
    assert len(read(tmp_path / "results")[0]) == 1


@pytest.mark.parametrize(("place", "why"), [("file/x.json", "cannot be made"), ("folder", "is a folder")])
def test_a_place_that_cannot_be_written_is_refused_before_judging(
    tmp_path: Path, judged: list[str], place: str, why: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=why):
        checking.check("one", all_labs()[0], "ann", str(tmp_path / place))
    assert judged == []


def test_a_result_that_is_not_written_is_told_all_the_same(
    tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_prepare", lambda out: None)
    said, right = checking.check("one", all_labs()[0], "ann", str(tmp_path / "none" / "x.json"))
    assert "0 of" in said and said.endswith("x.json: No such file or directory")
    assert not right
