"""What becomes a component under Compose: files of an earlier life, and a debugger around it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from cli.debugging.timeline import now_on
from wire.seams import read_clock

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "compose" / "component.py"
FILES = ("rules.json", "wanted.json", "hidden.json", "tracing.json")
CLOCK = "clock.json"


def become(seams: Path, *argv: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-SE", str(SCRIPT), str(seams), "dns", *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(seams: Path, *argv: str) -> str:
    return become(seams, *argv).communicate(timeout=30)[0].strip()


def leave(seams: Path) -> None:
    for name in (CLOCK, *FILES):
        (seams / name).write_text('{"components": {}}')


def clock_runs(seams: Path) -> bool:
    """At real pace, on a line that one of our time has written."""
    line = read_clock(seams / CLOCK)
    return line is not None and line.rate == 1 and abs(now_on(line, time.monotonic()) - time.time()) < 60


def test_the_first_of_a_life_clears_away_and_the_others_do_not(tmp_path: Path) -> None:
    leave(tmp_path)
    first = become(tmp_path, "sh", "-c", "echo up; exec sleep 60")
    assert first.stdout is not None and first.stdout.readline() == "up\n"
    try:
        assert not any((tmp_path / name).exists() for name in FILES)
        assert clock_runs(tmp_path)
        line = (tmp_path / CLOCK).read_text()
        for name in FILES:
            (tmp_path / name).write_text('{"components": {}}')
        assert said(tmp_path, "echo", "second") == "second"
        assert all((tmp_path / name).exists() for name in FILES)
        assert (tmp_path / CLOCK).read_text() == line
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    leave(tmp_path)
    assert said(tmp_path, "echo", "again") == "again"
    assert not any((tmp_path / name).exists() for name in FILES)
    assert clock_runs(tmp_path)


def with_want(seams: Path, text: str) -> str:
    """What is executed, while another component runs."""
    other = become(seams, "sh", "-c", "echo up; exec sleep 60")
    assert other.stdout is not None and other.stdout.readline() == "up\n"
    try:
        (seams / "wanted.json").write_text(text)
        return said(seams, "echo", "-m", "dns", "--flag")
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def want(**fields: object) -> str:
    return json.dumps({"components": {"dns": {"argv": [], **fields}}})


def test_a_debugger_around_it(tmp_path: Path) -> None:
    shown = with_want(tmp_path, want(debug_port=5677, debug_host="10.128.0.3", wait=True))
    assert shown == (
        "-Xfrozen_modules=off -m debugpy --listen 10.128.0.3:5677 --configure-subProcess false --wait-for-client"
        " -m dns --flag"
    )


def test_it_runs_as_usual_whatever_else_is_wanted(tmp_path: Path) -> None:
    assert with_want(tmp_path, want(turn=3)) == "-m dns --flag"
    assert with_want(tmp_path, want(argv=["mine"])) == "-m dns --flag"
    told = with_want(tmp_path, "{broken")
    assert told.endswith("-m dns --flag") and "is broken" in told
