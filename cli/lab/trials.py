"""Running a lab's trial: a script of the lab that runs the student's program and prints what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from cli.config import child_environment
from cli.errors import UserError
from cli.lab.evidence import Trial
from cli.lab.model import Lab
from cli.lab.workspace import Workspace
from cli.supervisor import ROOT

SECONDS: Final = 120.0  # that a trial may take


def run_trial(cluster: str, lab: Lab, program: str) -> Trial:
    """A script in the lab's folder, told cluster and lab (`cli.lab.arena`). Raises UserError if it fails by itself."""
    script = lab.folder / program
    try:
        done = subprocess.run(
            [sys.executable, str(script), cluster, lab.id],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=Workspace.of(cluster, lab).folder,
            env=child_environment(ROOT),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{script}: no end within {SECONDS:.0f} s") from None
    if done.returncode:
        raise UserError(f"{script} failed (code {done.returncode}):\n{done.stderr or done.stdout}".rstrip())
    return told(done.stdout)


def told(text: str) -> Trial:
    """The last line that a trial printed. Raises UserError if it is none of ours."""
    try:
        found = json.loads(text.splitlines()[-1])
        return Trial(found["place"], found["facts"], found["stopped"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise UserError(f"a trial printed no result but {text[-500:]!r}") from None
