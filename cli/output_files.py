"""Files that a command writes for its user: none takes another's place unasked, and nothing is done in vain for one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from cli.errors import UserError


def create(file: Path) -> TextIO:
    """A new file, readable by its owner alone: bodies are in it. Raises UserError; what is there already stays."""
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None


def require_new(file: Path) -> None:
    """For another program to write. Raises UserError."""
    if os.path.lexists(file):
        raise _exists(file)


def require_writable(flag: str, file: Path) -> None:
    """Before the work whose result goes there. Raises UserError."""
    if not file.parent.is_dir():
        raise UserError(f"{flag} {file}: there is no folder {file.parent}")
    if file.is_dir():
        raise UserError(f"{flag} {file} is a folder; name a file in it")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f"{flag} {file} cannot be written: permission denied")


def _exists(file: Path) -> UserError:
    return UserError(f"{file} exists; name another, or remove it")
