"""Command lines that are wrong get help: what may have been meant, and which command's `--help` says more."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from cli.debugging.near import did_you_mean


class Parser(argparse.ArgumentParser):
    """Takes flags as they are written, never for the beginning of longer ones: `--for 5s` is not `--forever`.

    `takes_more`: unknown words are left to the caller, unknown flags are not.
    """

    def __init__(self, *args: Any, takes_more: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})
        self._takes_more = takes_more

    def parse_known_args(  # type: ignore[override]  # it has an overload for namespaces of other types
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Whatever is unknown is refused by the command that it was given to, not by `orrery` as a whole."""
        self._refuse_repeated(sys.argv[1:] if args is None else args)
        found, more = super().parse_known_args(args, namespace)
        if self._subparsers is None:
            self._refuse(more)
        return found, more

    def _refuse_repeated(self, words: Sequence[str]) -> None:
        """The last would be taken, and the first forgotten in silence. A flag whose default is a list may come again.

        What begins with a dash is always a flag, never another flag's value; after `--` there are none.
        """
        seen = set()
        for word in words[: words.index("--")] if "--" in words else words:
            flag = word.partition("=")[0] if word.startswith("--") else word[:2]
            action = self._option_string_actions.get(flag)
            if action is None or action.dest == "help" or isinstance(action.default, list):
                continue
            if action.dest in seen:
                told = (action.help or argparse.SUPPRESS) % vars(action)
                self._help(f"{flag} is given twice{'' if told == argparse.SUPPRESS else f' ({told})'}")
            seen.add(action.dest)

    def _refuse(self, unknown: Sequence[str]) -> None:
        flag = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
        if flag:
            self._help(
                f"no flag {flag}{did_you_mean(flag, [one for one in self._option_string_actions if one[1] == '-'])}"
            )
        if unknown and not self._takes_more:
            self._help(f"more than it takes: {' '.join(unknown)}")

    def error(self, message: str) -> NoReturn:
        """Of what can be chosen, names what may have been meant."""
        found = re.match(r"argument (\S+): invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if found:
            what = {"COMMAND": "command"}.get(found[1], found[1] if found[1].startswith("-") else "verb")
            choices = [one.strip("'") for one in found[3].split(", ")]
            self._help(f"no {what} {found[2]}{did_you_mean(found[2], choices)}")
        super().error(message)

    def _help(self, problem: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {problem}; {self.prog} --help shows all\n")
