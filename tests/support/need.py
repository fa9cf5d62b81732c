"""What a test needs of the machine: missing in CI it fails, elsewhere it skips with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def need(there: bool, reason: str) -> None:
    """Skip, or fail in CI, unless `there`."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(reason)


@lru_cache(maxsize=1)
def docker_answers() -> bool:
    probe = subprocess.run(
        [sys.executable, "-m", "cri.docker.probe"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return '"ok": true' in probe.stdout
