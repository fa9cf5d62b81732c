"""Who is compared: ours, or any command in its place."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from cli.errors import UserError
from cli.source.acts import find_program

OURS: Final = "ours"


@dataclass(frozen=True)
class Contestant:
    """One side. No `argv` is ours."""

    name: str
    argv: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    """The same before its program was looked for."""

    @property
    def is_ours(self) -> bool:
        return not self.argv

    @property
    def shown(self) -> str:
        return shlex.join(self.typed) if self.typed else OURS


def contestants(words: list[str], against: str) -> tuple[Contestant, Contestant]:
    """From the command line: ours, or `against`, first. Raises UserError for a program that is not there."""
    try:
        other = shlex.split(against)
    except ValueError as error:
        raise UserError(f"--against {against}: {error}") from None
    first, second = _argv(other), _argv(words)
    names = ("first", "second") if first else (OURS, "yours") if second else (OURS, "ours-again")
    return Contestant(names[0], first, tuple(other)), Contestant(names[1], second, tuple(words if second else ()))


def _argv(words: list[str]) -> tuple[str, ...]:
    return find_program(words) if words and words != [OURS] else ()
