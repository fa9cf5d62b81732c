"""Locks between commands. A lock is the kernel's, on an open file: it goes with whoever held it, however he died."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.errors import UserError

KUBECONFIG_SECONDS = 5.0  # kubectl and we hold a kubeconfig's lock for milliseconds
POLL_SECONDS = 0.02


@contextmanager
def only_one(path: Path, refusal: str) -> Iterator[None]:
    """Raises UserError with `refusal`, and who holds it, if somebody does already."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise UserError(f"{refusal} (PID {holder or 'unknown'})") from None
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    """Only so that a refusal can name us: on a full disk it cannot."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except OSError:
        return


def claim(path: Path, held: ExitStack) -> bool:
    """Hold it until `held` closes, if nobody does already."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    return True


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait for whoever holds it: for what takes a moment only."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def kubeconfig_lock(path: Path) -> Iterator[None]:
    """As kubectl does it: `NAME.lock` beside the file, made by whoever changes it and removed again."""
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + KUBECONFIG_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise UserError(f"{path} is locked by another program; if there is none, remove {lock}") from None
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
