"""Becomes a component under Compose, or a debugger with the component in it where `orrery debug` wants that.

    component.py SEAMS NAME PYTHON -m MODULE FLAGS...

SEAMS is the folder with the clock, the rules and what is wanted of components. They are of a running cluster: the clock
is a line over this machine's monotonic time, which begins anew when the machine does. So each component holds a lock
there as long as it lives, and one that finds nobody holding it clears away what an earlier life has left and writes
the clock's first line, for all to share.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path

OF_A_LIFE = ("clock.json", "rules.json", "wanted.json", "hidden.json", "tracing.json")


def main(seams: Path, name: str, argv: list[str]) -> None:
    _join(seams)
    if (seams / "wanted.json").exists():
        argv = _wanted(seams / "wanted.json", name, argv)
    os.execvp(argv[0], argv)


def _join(seams: Path) -> None:
    """The lock stays with the process that we become."""
    lock = os.open(seams / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # others run, or the first of them is clearing away
    else:
        for left in OF_A_LIFE:
            (seams / left).unlink(missing_ok=True)
        line = {"monotonic": time.monotonic(), "cluster_time": time.time(), "rate": 1.0}
        (seams / "clock.json").write_text(json.dumps(line))
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.set_inheritable(lock, True)


def _wanted(file: Path, name: str, argv: list[str]) -> list[str]:
    """A broken file must not keep the component down: whoever types the next command is told of it."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    from cli.errors import UserError
    from cli.source.wanted import USUAL, command, read_wanted

    try:
        want = read_wanted(file).get(name, USUAL)
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
        return argv
    return argv if want.argv else list(command(tuple(argv), want))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
