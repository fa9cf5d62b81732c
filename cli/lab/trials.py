"""Running a lab's trial: a script of the lab that runs the student's program and prints what came of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from cli.config import child_environment
from cli.errors import UserError
from cli.lab.evidence import Trial
from cli.lab.model import Lab
from cli.lab.workspace import Workspace
from cli.supervisor import ROOT

SECONDS: Final = 180.0  # that a trial may take
ENDING_SECONDS: Final = 15.0  # to let go what it holds, and to end the student's program


def run_trial(cluster: str, lab: Lab, program: str) -> Trial:
    """A script in the lab's folder, told cluster and lab (`cli.lab.arena`). Raises UserError if it fails by itself."""
    script = lab.folder / program
    return told(run_script([sys.executable, str(script), cluster, lab.id], Workspace.of(cluster, lab).folder))


def run_script(command: list[str], folder: Path, seconds: float = SECONDS) -> str:
    """Gives what it printed. Raises UserError if it does not end, or not well."""
    with subprocess.Popen(
        command, cwd=folder, env=child_environment(ROOT), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            interrupt(process)
            raise UserError(f"{command[1]}: no end within {seconds:.0f} s") from None
    if process.returncode:
        raise UserError(f"{command[1]} failed (code {process.returncode}):\n{err or out}".rstrip())
    return out


def interrupt(process: subprocess.Popen[str]) -> None:
    """As by Ctrl-C, so that it clears up: only it knows what it left about."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def told(text: str) -> Trial:
    """The last line that a trial printed. Raises UserError if it is none of ours."""
    try:
        found = json.loads(text.splitlines()[-1])
        return Trial(found["place"], found["facts"], found["stopped"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise UserError(f"a trial printed no result but {text[-500:]!r}") from None
