"""What simple commands would do."""

from __future__ import annotations

import pytest

from cri.sim.script import Plan, plan


@pytest.mark.parametrize(
    ("argv", "lines", "run_seconds", "code"),
    [
        (["true"], [], 0, 0),
        (["/bin/false"], [], 0, 1),
        (["sleep", "2.5"], [], 2.5, 0),
        (["sleep", "1m", "5s"], [], 65, 0),
        (["sleep", "infinity"], [], None, 0),
        (["echo", "hello", "world"], [(0, "hello world")], 0, 0),
        (["sh", "-c", "echo a; sleep 3; echo b; exit 4"], [(0, "a"), (3, "b")], 3, 4),
        (["sh", "-c", "echo a && false && echo b"], [(0, "a")], 0, 1),
        (["sh", "-c", "false || echo b"], [(0, "b")], 0, 0),
        (["sh", "-ec", "false\necho never"], [], 0, 1),
        (["sh", "-c", "set -e\nfalse\necho never"], [], 0, 1),
        (["bash", "-c", "echo 'a; b' # words"], [(0, "a; b")], 0, 0),
        (["sh", "-c", 'echo "x=$X ${Y}"'], [(0, "x=1 2")], 0, 0),
        (["sh", "-c", "exit 300"], [], 0, 44),
        (["sh", "-c", "echo up; sleep infinity; echo never"], [(0, "up")], None, 0),
    ],
)
def test_understood(argv: list[str], lines: list[tuple[float, str]], run_seconds: float | None, code: int) -> None:
    made = plan(argv, {"X": "1", "Y": "2"})
    assert made is not None
    assert [(line.at, line.text) for line in made.lines] == lines
    assert (made.run_seconds, made.exit_code) == (run_seconds, code)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nginx", "-g", "daemon off;"],
        ["sh", "-c", "while true; do echo x; sleep 1; done"],
        ["sh", "-c", "echo $(date)"],
        ["sh", "-c", 'echo "$(date)"'],
        ["sh", "-c", "cat /etc/passwd | wc -l"],
        ["sh", "-c", "echo x > /tmp/file"],
        ["sh", "-c", "for i in 1 2; do echo $i; done"],
        ["sh", "-c", "echo 'unclosed"],
        ["sleep", "soon"],
        ["sh", "script.sh"],
    ],
)
def test_not_guessed_at(argv: list[str]) -> None:
    assert plan(argv) is None


def test_an_empty_plan_runs_on() -> None:
    assert Plan().run_seconds is None


@pytest.mark.parametrize(
    ("script", "lines", "code"),
    [
        ("echo starting; echo 'fatal: no database' >&2; exit 7", [("starting", 1), ("fatal: no database", 2)], 7),
        ("echo a 1>&2 && echo b", [("a", 2), ("b", 1)], 0),
        (">&2 echo a; echo b", [("a", 2), ("b", 1)], 0),
        ("echo a>& 2\necho '>&2' \"1>&2\"", [("a", 2), (">&2 1>&2", 1)], 0),
        ("sh -c 'echo a; false' >&2 || echo b", [("a", 2), ("b", 1)], 0),
        ("echo a # >&2", [("a", 1)], 0),
        ("echo 1>&2", [("", 2)], 0),
    ],
)
def test_lines_for_stderr(script: str, lines: list[tuple[str, int]], code: int) -> None:
    made = plan(["sh", "-c", script])
    assert made is not None
    assert [(line.text, 2 if line.stderr else 1) for line in made.lines] == lines
    assert (made.run_seconds, made.exit_code) == (0, code)


@pytest.mark.parametrize("redirection", [">&1", "2>&1", "3>&2", "21>&2", ">&22", ">&2x", "&>2", "> &2", ">&2 &"])
def test_other_redirections_are_not_understood(redirection: str) -> None:
    assert plan(["sh", "-c", f"echo a {redirection}"]) is None
