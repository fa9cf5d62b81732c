"""Every lab's files are complete, and fit one another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.lab.fields import parse
from cli.lab.model import Lab, all_labs, find, load
from cli.lab.workspace import answer_sheet

LABS = all_labs()
every = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)


@every
def test_its_text_has_all_its_parts(lab: Lab) -> None:
    text = lab.text.read_text()
    assert text.startswith(f"# {lab.title}\n")
    parts = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert parts == ["Aim", "Background", "Task", "Questions"]
    assert len(text.split()) > 250
    assert 15 <= lab.minutes <= 45
    assert re.fullmatch(r"\d\d-[a-z0-9-]+", lab.id)


@every
def test_it_takes_as_many_nodes_as_it_names(lab: Lab) -> None:
    files = [lab.text, lab.solution, lab.setup, lab.folder / "lab.toml", *lab.folder.glob("*.yaml")]
    named = {name for file in files if file.exists() for name in re.findall(r"worker-\d", file.read_text())}
    assert lab.nodes >= len(named)


@every
def test_every_check_has_points_and_a_hint(lab: Lab) -> None:
    assert len({one.id for one in lab.checks}) == len(lab.checks) >= 5
    for one in lab.checks:
        assert one.points > 0
        assert len(one.hint) > 10
        assert one.about
        for condition in one.facts.get("where", []):
            parse(condition)


@every
def test_every_question_is_checked_and_every_checked_answer_asked_for(lab: Lab) -> None:
    assert {one.id for one in lab.questions} == {one.facts["question"] for one in lab.checks if "question" in one.facts}
    assert all(f"\n{one.id}:\n" in answer_sheet(lab) for one in lab.questions)


@every
def test_it_has_a_solution_and_three_wrong_answers_that_fail_checks_of_it(lab: Lab) -> None:
    assert len(lab.wrong) >= 3
    for script in [lab.solution, *lab.wrong]:
        subprocess.run(["bash", "-n", str(script)], check=True)
    for script in lab.wrong:
        assert fails(script) <= {one.id for one in lab.checks}
        assert fails(script)
    solved = lab.solution.read_text()
    assert all(f"answer {one.id} " in solved for one in lab.questions)


def fails(script: Path) -> set[str]:
    return set(script.read_text().splitlines()[0].removeprefix("# fails: ").split(", "))


@pytest.mark.parametrize("text", ["3", "03", "no-scheduler", "03-no-scheduler"])
def test_a_lab_is_found_by_number_or_name(text: str) -> None:
    assert find(text).id == "03-no-scheduler"


def test_an_unknown_lab_lists_the_near_ones() -> None:
    with pytest.raises(UserError, match=r"no lab no-schedule.*03-no-scheduler"):
        find("no-schedule")


HEAD = 'title = "T"\nminutes = 20\n[[checks]]\nid = "a"\npoints = 1\nabout = "b"\nhint = "c"\n'
BROKEN = [
    ("title = ", "lab.toml: "),
    ('title = "T"\nminutes = 20\n', "'checks' is missing"),
    (HEAD + 'kind = "objct"\n', "no kind objct; near it are: object"),
    (HEAD + 'kind = "object"\n', "a check of kind object needs object"),
    (HEAD + 'kind = "tidy"\nmuch = 1\n', "a check of kind tidy takes no much"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_broken_lab_says_where(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(text)
    with pytest.raises(UserError, match=re.escape(said)):
        load(tmp_path)


def test_what_needs_containers_is_asked_only_where_there_are_some() -> None:
    lab = find("inside-a-pod")
    sim, docker = lab.on("sim"), lab.on("docker")
    assert docker == lab
    assert {one.id for one in lab.questions} - {one.id for one in sim.questions} == {
        "netns", "pause-pid", "memory-bytes", "sees",
    }  # fmt: skip
    assert sim.points < docker.points


def test_a_solution_is_told_with_the_program_that_it_is() -> None:
    told = find("11").told_solution()
    assert told.startswith('cp "$LAB/expose.py"') and "# --- expose.py" in told and "def reconcile(" in told
    assert find("4").told_solution() == find("4").solution.read_text()
