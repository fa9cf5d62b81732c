"""Starting, reporting, hints, answers and the teacher's summary, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.errors import UserError
from cli.lab.checking import Judged, hints, last_results, report, result_of
from cli.lab.evidence import Verdict
from cli.lab.model import Check, Lab
from cli.lab.starting import obstacles
from cli.lab.summary import summary
from cli.lab.workspace import Start, Workspace, begin, clear, read_answers, read_start

A = Check("a", "tidy", 2, "it is tidy", "tidy up", {})
B = Check("b", "tidy", 3, "it is so", "make it so", {})
LAB = Lab(Path("labs/01-x"), "X", 20, (), (A, B))
JUDGED = [Judged(A, Verdict("this")), Judged(B, Verdict("that", "it is not so"))]


def node(name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def namespace(lab: str) -> dict[str, Any]:
    return {"metadata": {"name": f"lab-{lab}", "labels": {"orrery.lab": lab}}}


OBSTACLES: list[tuple[list[str], list[dict[str, Any]], list[dict[str, Any]], list[str]]] = [
    ([], [node("n")], [], []),
    (["frozen: scheduler (orrery thaw NAME)"], [node("n")], [], ["frozen: scheduler (orrery thaw NAME)"]),
    ([], [node("n", "Unknown")], [], ["node n is not Ready (orrery why node/n)"]),
    ([], [node("n", unschedulable=True)], [], ["node n is cordoned (kubectl uncordon n)"]),
    ([], [node("n")], [namespace("02-y")], ["lab 02-y is under way in namespace lab-02-y (orrery lab reset 02-y)"]),
    ([], [], [], ["the cluster has 0 nodes, and the lab takes 1 (orrery down; orrery up --nodes 1)"]),
]


@pytest.mark.parametrize(("unusual", "nodes", "namespaces", "found"), OBSTACLES)
def test_what_is_in_the_way_is_named(
    unusual: list[str], nodes: list[dict[str, Any]], namespaces: list[dict[str, Any]], found: list[str]
) -> None:
    assert obstacles(unusual, nodes, namespaces) == found


def test_a_lab_that_takes_two_nodes_is_not_begun_on_one() -> None:
    assert obstacles([], [node("a"), node("b")], [], 2) == []
    assert obstacles([], [node("a")], [], 2) == [
        "the cluster has 1 node, and the lab takes 2 (orrery down; orrery up --nodes 2)"
    ]


def test_a_report_says_what_is_right_what_is_missing_and_what_was_looked_at() -> None:
    text = "\n".join(report(LAB, JUDGED))
    assert "right   2/2  it is tidy  [a]" in text
    assert "MISSING 0/3  it is so  [b]\n             it is not so\n             looked at that" in text
    assert "01-x: 2 of 5 points" in text


def test_a_hint_is_of_the_first_check_that_is_not_met() -> None:
    assert hints(LAB, "", {"a": True}) == ["b: make it so"]
    assert hints(LAB, "", {}) == ["a: tidy up"]
    assert hints(LAB, "b", {}) == ["b: make it so"]
    assert hints(LAB, "c", {}) == []
    assert "nothing left" in hints(LAB, "", {"a": True, "b": True})[0]


def test_a_result_is_kept_for_hints_and_for_the_teacher(tmp_path: Path) -> None:
    space = Workspace(tmp_path)
    assert last_results(space) == {}
    space.result.write_text(json.dumps(result_of(LAB, JUDGED, "ann", 0.0)))
    assert last_results(space) == {"a": True, "b": False}


def test_answers_given_already_outlive_a_second_start(tmp_path: Path) -> None:
    space = Workspace(tmp_path / "x")
    with pytest.raises(UserError, match="was not started; orrery lab start 01-x"):
        read_start(space, LAB)
    begin(space, LAB, Start("01-x", 1.0, 7, 3))
    space.answers.write_text("q: yes\n")
    begin(space, LAB, Start("01-x", 2.0, 8, 4))
    assert read_answers(space) == {"q": "yes"}
    assert read_start(space, LAB).seed == 8
    space.start.write_text("{")
    with pytest.raises(UserError, match="is broken"):
        read_start(space, LAB)
    clear(space)
    assert not space.folder.exists()


@pytest.mark.parametrize(("text", "said"), [("a: [", "is no YAML"), ("- a", "question: answer")])
def test_a_broken_answer_sheet_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_answers(Workspace(tmp_path))


def test_a_summary_takes_the_best_of_each_and_tells_what_gave_trouble(tmp_path: Path) -> None:
    right = [Judged(A, Verdict("this")), Judged(B, Verdict("that"))]
    for number, (student, judged) in enumerate([("ann", JUDGED), ("ann", right), ("bob", JUDGED)]):
        folder = tmp_path / student
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.json").write_text(json.dumps(result_of(LAB, judged, student, 0.0)))
    (tmp_path / "notes.json").write_text("[]")
    text = summary(tmp_path)
    assert [line.split() for line in text.splitlines()[:3]] == [
        ["STUDENT", "01", "POINTS", "OF"],
        ["ann", "5/5", "5", "5"],
        ["bob", "2/5", "2", "5"],
    ]
    assert "01-x b: missed by 1 of 2" in text
    assert "not a result: notes.json" in text


def test_a_summary_of_nothing_says_how_results_come_about(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no results; orrery lab check LAB --out"):
        summary(tmp_path)
