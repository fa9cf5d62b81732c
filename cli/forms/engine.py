"""The `docker` command: the engine is asked through it, because only `cri.docker` knows its SDK."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from cli.errors import UserError

SECONDS = 90.0  # that the engine may take to answer; a node takes up to a minute to stop
LABEL = "orrery.form=compose"  # what every service of docker-compose.yml bears


def docker(*args: str) -> str:
    """Gives what it printed. Raises UserError with its complaint."""
    try:
        done = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise UserError("the docker command is not on PATH; clusters under Compose are found through it") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"docker {args[0]}: no end within {SECONDS:.0f} s") from None
    if done.returncode:
        complaint = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise UserError(f"docker {args[0]}: {complaint[-1]}")
    return done.stdout


def remove(name: str) -> None:
    """The container of that name, if there is one, whatever it does."""
    found = docker("ps", "-aq", "--filter", f"name=^/{name}$").split()
    if found:
        docker("rm", "--force", *found)


def inspect(*names: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(docker("inspect", "--type", "container", *names)) if names else []
    return found


def compose_containers(*, running: bool = False) -> list[str]:
    """Ids of all containers of a cluster under Compose, or of those that run."""
    return docker("ps", "-q" if running else "-aq", "--no-trunc", "--filter", f"label={LABEL}").split()
