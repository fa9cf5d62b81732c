"""Copies installed distributions, those a pyproject.toml names and all that they need, into a directory.

`python deploy/images/copy_dependencies.py PYPROJECT DIRECTORY [MORE...]`; used by build.sh to fill an image without a
registry. MORE are distributions beyond those named.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main(pyproject: Path, target: Path, more: list[str]) -> None:
    wanted = tomllib.loads(pyproject.read_text())["project"]["dependencies"]
    for distribution in closure([*wanted, *more]):
        copy(distribution, target)


def closure(requirements: list[str]) -> list[metadata.Distribution]:
    """Raises PackageNotFoundError if one that is named is not installed; what those need may be optional."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(one, True) for one in requirements]
    while waiting:
        requirement, must = waiting.pop()
        match = _NAME.match(requirement)
        if match is None or "extra ==" in requirement:
            continue
        name = re.sub("[-_.]+", "-", match[0]).lower()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(match[0])
        except metadata.PackageNotFoundError:
            if must:
                raise
            continue
        waiting += [(one, False) for one in found[name].requires or ()]
    return list(found.values())


def copy(distribution: metadata.Distribution, target: Path) -> None:
    """Its modules and metadata; not its scripts, which name another interpreter."""
    for file in distribution.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        destination = target / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(file.locate()), destination)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
