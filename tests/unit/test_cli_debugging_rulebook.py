"""The cluster's file of rules: what is kept, how rules are numbered, and what a broken one is answered with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.debugging.rulebook import BrokenRules, Entry, edit, in_force, read_entries, renew
from wire.rules import Action, Rule
from wire.seams import read_rules

DROP = Rule("watch:pods", Action.DROP, name="web", expires=50.0)
DELAY = Rule("e", Action.DELAY, delay_seconds=2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.json"


def add(path: Path, rules: list[Rule], word: str = "fault", component: str = "*") -> list[str]:
    with edit(path) as book:
        made = [Entry(one, component) for one in book.numbered(rules, word)]
        book.entries += made
    return [one.rule.id for one in made]


def test_it_is_what_components_read(path: Path) -> None:
    assert add(path, [DROP], component="kubelet-*") == ["fault-1"]
    assert add(path, [DELAY], "hold") == ["hold-1"]
    assert [one.id for one in read_rules(path, "kubelet-w1")] == ["fault-1", "hold-1"]
    assert [one.id for one in read_rules(path, "scheduler")] == ["hold-1"]
    again = read_entries(path)
    assert [(one.rule.edge, one.component) for one in again] == [("watch:pods", "kubelet-*"), ("e", "*")]
    assert [one.rule.id for one in in_force(again, 60.0)] == ["hold-1"]


def test_no_number_is_given_twice(path: Path) -> None:
    assert add(path, [DROP, DELAY]) == ["fault-1.1", "fault-1.2"]
    assert add(path, [DROP]) == ["fault-2"]
    with edit(path) as book:
        book.entries.clear()
    assert add(path, [DROP]) == ["fault-3"]
    assert add(path, [DROP], "hold") == ["hold-1"]


def test_who_raises_changes_nothing(path: Path) -> None:
    add(path, [DROP])
    before = path.read_text()
    with pytest.raises(ZeroDivisionError), edit(path) as book:
        book.entries += [Entry(one) for one in book.numbered([DELAY], "fault")]
        raise ZeroDivisionError
    assert path.read_text() == before


@pytest.mark.parametrize(
    "content",
    [
        "", '{"rules": [', "[]", "{}", '{"rules": 1}', '{"rules": [1]}', '{"rules": [{"edge": "e"}]}',
        '{"rules": [{"edge": "e", "action": "dorp"}]}', '{"rules": [{"edge": "e", "action": "drop", "no": 1}]}',
        '{"rules": [{"edge": "e", "action": "drop", "expires": "soon"}]}',
        '{"rules": [{"edge": "e", "action": "drop", "component": null}]}', '{"rules": [], "last": [1]}',
    ],
)  # fmt: skip
def test_a_broken_one_is_named_and_can_be_begun_anew(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(BrokenRules, match=r"^[^\n]*rules\.json is broken \([^\n]*; orrery fault clear begins it anew$"):
        read_entries(path)
    with pytest.raises(BrokenRules), edit(path):
        pass
    assert path.read_text() == content
    renew(path)
    assert read_entries(path) == []


def test_one_written_before_rules_were_counted_is_read(path: Path) -> None:
    path.write_text(json.dumps({"rules": [{"edge": "e", "action": "drop", "id": "fault-7"}]}))
    assert add(path, [DROP]) == ["fault-8"]
