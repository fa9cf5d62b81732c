"""Fails if what `make gen` would make differs from what is committed: `python -m tests.generated_code_is_current`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def generate(into: Path) -> None:
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "proto").glob("*.proto"))
    outputs = [f"--{kind}_out={into}" for kind in ("python", "pyi", "grpc_python")] + [f"--mypy_grpc_out=quiet:{into}"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT), *outputs, *protos]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def stale(fresh: Path) -> list[str]:
    """Names of generated files that are missing or differ."""
    made = sorted((fresh / "proto").iterdir())
    return [path.name for path in made if not _same(path, ROOT / "proto" / path.name)]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        differing = stale(Path(folder))
    if differing:
        sys.exit(f"run `make gen`; these are not current: {', '.join(differing)}")
    print("generated code is current")


if __name__ == "__main__":
    main()
