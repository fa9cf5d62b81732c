"""Finding and running the real kubectl."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUPPORTED = ("1.33", "1.32", "1.31")
OLDER = ("1.30", "1.29", "1.28", "1.27")
"""Beyond upstream's skew of versions, and working all the same: other streams, other forms of discovery and schemas."""


def find_kubectls(versions: tuple[str, ...] = SUPPORTED) -> dict[str, str]:
    """Binaries by minor version, of those asked for.

    `kubectl` on PATH may be a dispatcher with the real ones beside it.
    """
    named = os.environ.get("ORRERY_KUBECTL", "").split()
    on_path = shutil.which("kubectl")
    beside = sorted(Path(on_path).resolve().parent.glob("kubectl.1.*")) if on_path else []
    candidates = named or [str(path) for path in beside] or ([on_path] if on_path else [])
    found = {version_of(one): one for one in candidates}
    return {version: found[version] for version in versions if version in found}


def version_of(binary: str) -> str:
    """`1.33`, as the binary says of itself."""
    answer = subprocess.run([binary, "version", "--client", "-o", "json"], capture_output=True, text=True, check=True)
    version = json.loads(answer.stdout)["clientVersion"]
    return f"{version['major']}.{re.sub(r'[^0-9].*', '', version['minor'])}"


@dataclass(frozen=True)
class Kubectl:
    """One binary against one cluster, in one namespace."""

    binary: str
    kubeconfig: Path
    context: str
    namespace: str = "default"

    def command(self, *args: str) -> list[str]:
        where = ["--kubeconfig", str(self.kubeconfig), "--context", self.context]
        return [self.binary, *where, "--namespace", self.namespace, *args]

    def run(self, *args: str, stdin: str = "", timeout: float = 90, env: dict[str, str] | None = None) -> Result:
        """Run to the end, whatever the exit code."""
        done = subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def __call__(self, *args: str, stdin: str = "", timeout: float = 90, env: dict[str, str] | None = None) -> str:
        """Run and give standard output. Fails the test, telling all, on a non-zero exit code."""
        result = self.run(*args, stdin=stdin, timeout=timeout, env=env)
        assert result.code == 0, f"kubectl {' '.join(args)}: exit {result.code}\n{result.out}\n{result.err}"
        return result.out

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start and leave running; the caller ends it."""
        return subprocess.Popen(
            self.command(*args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
