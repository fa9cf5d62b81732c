"""Trials of a student's program: what its script printed, and the program as a process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.errors import UserError
from cli.lab.arena import grace
from cli.lab.evidence import Trial
from cli.lab.student import Program, Stopped
from cli.lab.trials import interrupt, run_script, told


def test_the_last_line_that_a_trial_printed_is_its_result() -> None:
    result = {"place": "namespace t", "facts": {"made": 1}, "stopped": ""}
    assert told(f"noise\n{json.dumps(result)}\n") == Trial("namespace t", {"made": 1})


@pytest.mark.parametrize("text", ["", "made: 1", "[]", '{"place": "p"}'])
def test_a_trial_without_a_result_is_told(text: str) -> None:
    with pytest.raises(UserError, match="printed no result"):
        told(text)


def test_a_trial_that_fails_by_itself_says_how(tmp_path: Path) -> None:
    (tmp_path / "trial.py").write_text("raise SystemExit('the cluster is gone')")
    with pytest.raises(UserError, match=r"trial\.py failed \(code 1\):\nthe cluster is gone"):
        run_script([sys.executable, str(tmp_path / "trial.py")], tmp_path)


def test_a_trial_without_end_is_interrupted_and_may_clear_up(tmp_path: Path) -> None:
    lines = (
        "import time",
        "try:",
        " print('at it', flush=True)",
        " time.sleep(600)",
        "finally:",
        " open('left', 'w').close()",
    )
    text = "\n".join(lines)
    with subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at it\n"
        interrupt(process)
    assert (tmp_path / "left").exists()


def test_a_trial_without_end_is_told(tmp_path: Path) -> None:
    (tmp_path / "trial.py").write_text("import time; time.sleep(600)")
    with pytest.raises(UserError, match=r"trial\.py: no end within 0 s"):
        run_script([sys.executable, str(tmp_path / "trial.py")], tmp_path, 0.1)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Program]:
    def write(text: str) -> Program:
        (tmp_path / "mine.py").write_text(text)
        return Program(tmp_path, "mine.py", "lab-x-trial-1")

    return write


def ended(program: Program) -> str:
    with pytest.raises(Stopped) as stopped:
        for _ in range(1000):
            program.check()
            time.sleep(0.01)
    return str(stopped.value)


def test_a_program_that_ends_is_told_with_its_last_words(program: Callable[[str], Program]) -> None:
    one = program("import os\nraise SystemExit(f'cannot work in {os.environ[\"ORRERY_NAMESPACE\"]}')")
    one.start()
    said = ended(one)
    assert said == "mine.py ended with code 1 (trial.log has it all): cannot work in lab-x-trial-1"
    one.kill()


def test_a_program_does_not_find_our_packages(program: Callable[[str], Program]) -> None:
    one = program("import os; print(os.environ.get('PYTHONPATH'))")
    one.start()
    assert ended(one).endswith("None")


def test_a_killed_program_can_be_started_again(program: Callable[[str], Program], tmp_path: Path) -> None:
    one = program("import pathlib, time\npathlib.Path('ran').touch()\ntime.sleep(600)")
    for _ in range(2):
        one.start()
        while not (tmp_path / "ran").exists():
            one.check()
        (tmp_path / "ran").unlink()
        one.kill()
        one.check()  # nothing runs, nothing to complain about
    one.kill()


def test_a_missing_program_stops_the_trial(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"there is no mine\.py in "):
        Program(tmp_path, "mine.py", "n").start()


@pytest.mark.parametrize(("took", "given"), [(0.01, 1.0), (0.3, 3.0), (5.0, 6.0)])
def test_what_a_trial_waits_goes_by_how_busy_the_machine_is(took: float, given: float) -> None:
    assert grace(took) == pytest.approx(given)
