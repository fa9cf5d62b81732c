"""A whole cluster for e2e tests, through the command that people use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
T = TypeVar("T")


@dataclass(frozen=True)
class Cluster:
    """A named cluster whose state and kubeconfig live in `home`."""

    name: str
    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    """Environment beyond what every cluster gets."""

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "ORRERY_HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig), **self.extra}

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def context(self) -> str:
        return f"orrery-{self.name}"

    @property
    def root(self) -> Path:
        return self.home / "clusters" / self.name

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def runtime(self) -> str:
        """`docker` or `sim`."""
        return str(json.loads((self.root / "cluster.json").read_text())["runtime"])

    def orrery(self, *args: str, timeout: float = 180, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *args, "--name", self.name],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=self.environment,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"orrery {args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def processes(self) -> dict[str, dict[str, Any]]:
        """`state.json`, by component."""
        state = json.loads((self.root / "state.json").read_text())
        return {one["name"]: one for one in state["processes"]}

    @property
    def supervisor(self) -> int:
        return int(json.loads((self.root / "state.json").read_text())["supervisor"])

    def pid(self, component: str) -> int:
        return int(self.processes()[component]["pid"])

    def log(self, component: str) -> str:
        return Path(self.processes()[component]["log"]).read_text(errors="replace")


def eventually(what: str, ask: Callable[[], T | None], seconds: float = 60, every: float = 0.1) -> T:
    """Ask again and again until the answer is truthy; fails, naming what never came, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s; last answer {answer!r}"
        time.sleep(every)


def eventually_says(what: str, ask: Callable[[], str], *said: str, seconds: float = 60) -> str:
    """The first text of `ask` that holds all of `said`; fails with the last one, and what it lacks."""
    deadline = time.monotonic() + seconds
    while True:
        text = ask()
        lacking = [one for one in said if one not in text]
        if not lacking:
            return text
        assert time.monotonic() < deadline, f"{what}: {lacking} not within {seconds:.0f} s; last answer:\n{text}"
        time.sleep(0.1)


def at_rest(read: Callable[[], T], seconds: float = 60) -> T:
    """What two readings in a row agree on."""
    seen: list[T] = [read()]

    def again() -> bool:
        seen.append(read())
        return seen[-1] == seen[-2]

    eventually("two readings that agree", again, seconds)
    return seen[-1]
