"""A lab's scripts, in bash: its set-up, its solution, and its wrong answers.

In them `kubectl` and `orrery` are of this cluster (and kubectl of the lab's namespace), `answer QUESTION VALUE` writes
to the answer sheet, and `eventually COMMAND` tries again until it succeeds.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from cli.config import child_environment, with_kubeconfig
from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.model import Lab
from cli.lab.workspace import Workspace
from cli.supervisor import ROOT

SECONDS: Final = 180.0  # that a script may take

_PRELUDE: Final = r"""
set -euo pipefail
kubectl() { command kubectl --context "$CONTEXT" -n "$NS" "$@"; }
orrery() { local verb=$1; shift; (cd "$ROOT" && "$PYTHON" -m cli "$verb" --name "$CLUSTER" "$@"); }
answer() { sed -i "s|^$1:.*|$1: \"$2\"|" "$SPACE/answers.yaml"; }
eventually() { local i; for i in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "never came true: $*" >&2; return 1; }
"""


def perform(name: str, lab: Lab, script: Path, seed: int = 0) -> str:
    """Gives what it printed. Raises UserError if it fails."""
    if shutil.which("kubectl") is None:
        raise UserError("kubectl is not on PATH; labs need it")
    cluster = running(name)
    own = with_kubeconfig([cluster.kubeconfig]) if cluster.kubeconfig else {}
    facts = {
        "CLUSTER": name, "CONTEXT": cluster.context, "NS": lab.namespace, "LAB": str(lab.folder), "ROOT": str(ROOT),
        "PYTHON": sys.executable, "SPACE": str(Workspace.of(name, lab).folder), "SEED": str(seed),
        "RUNTIME": cluster.runtime,
    }  # fmt: skip
    head = "\n".join(f"{key}={shlex.quote(value)}" for key, value in facts.items())
    export = f"export {' '.join(facts)}"
    text = "\n".join([head, export, _PRELUDE, script.read_text()])
    try:
        done = subprocess.run(
            ["bash", "-c", text],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**child_environment(ROOT), **own},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{script}: no end within {SECONDS:.0f} s") from None
    if done.returncode:
        raise UserError(f"{script} failed (code {done.returncode}):\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout
