"""Which source a component runs, and what of it has changed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

SHARED = ("api", "apimachinery", "client", "proto", "wire")
SUFFIXES = (".py", ".json", ".yaml")

Stamps = dict[Path, int]


def watched(argv: Sequence[str], root: Path, cwd: Path = Path()) -> list[Path]:
    """Folders and files behind a command: our packages for `-m MODULE`, else the files that it names."""
    if "-m" in argv and (root / argv[argv.index("-m") + 1].partition(".")[0]).is_dir():
        return [root / name for name in (argv[argv.index("-m") + 1].partition(".")[0], *SHARED)]
    return [Path(word) for word in argv[1:] if Path(word).suffix and (cwd / word).is_file()]


def stamps(places: Iterable[Path]) -> Stamps:
    """When each file was last written. One that vanishes meanwhile is not there."""
    found: Stamps = {}
    for place in places:
        for path in [place] if place.is_file() else place.rglob("*"):
            if path.suffix in SUFFIXES or path == place:
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
    return found


def changed(before: Stamps, after: Stamps) -> list[Path]:
    """New, other and missing files, in order."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def mistakes(paths: Iterable[Path]) -> list[str]:
    """Python files that cannot even be parsed: restarting on them would only end what runs."""
    found = []
    for path in paths:
        if path.suffix == ".py" and path.exists():
            try:
                ast.parse(path.read_bytes())
            except (SyntaxError, ValueError) as error:
                line = error.lineno if isinstance(error, SyntaxError) else 0
                found.append(f"{path}:{line}: {getattr(error, 'msg', error)}")
    return found
