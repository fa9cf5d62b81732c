"""Where arenas lie: `$ORRERY_HOME/compare/PID-SIDE`, and beside them a lock that says that their comparison lives.

Whoever is killed leaves them behind, processes and all; the next comparison clears that away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli import running
from cli.config import orrery_home
from cli.errors import UserError


@contextmanager
def run_folder() -> Iterator[Path]:
    """Locked while the body runs; what is in it of this run goes afterwards. Raises UserError if it cannot be made."""
    home = orrery_home() / "compare"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{home} cannot be written ({error.strerror}); ORRERY_HOME names another place") from None
    _clear_up(home)
    lock = home / f"{os.getpid()}.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield home
    finally:
        _remove(home, str(os.getpid()))
        os.close(descriptor)


def _clear_up(home: Path) -> None:
    for lock in home.glob("*.lock"):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue  # it has ended just now
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(home, lock.stem)
        except BlockingIOError:
            continue  # another comparison, alive
        finally:
            os.close(descriptor)


def _remove(home: Path, run: str) -> None:
    for root in home.glob(f"{run}-*"):
        running.stop_all(root)
        shutil.rmtree(root, ignore_errors=True)
    (home / f"{run}.lock").unlink(missing_ok=True)
