"""What a simple command would do, without running it: `sleep 5`, `sh -c 'echo hello; exit 3'`. Pure.

Enough of a shell for init containers, Jobs and the examples of text books. Whatever is not understood to the last
word is not guessed at: it counts as a program that runs on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_SHELLS = {"sh", "bash", "ash", "dash"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NOT_UNDERSTOOD = re.compile(r"[`|<>(){}*?&]|\$\(")
_TO_STDERR = re.compile(r"1?>& *2(?=[\s;&|]|$)")
_STDERR = "\0"  # stands for that redirection, as a word that no command can have
_KEYWORDS = {"while", "for", "if", "case", "until", "do", "done", "then", "fi", "function", "trap"}


@dataclass(frozen=True, slots=True)
class Line:
    """Something written, so many seconds after the start."""

    at: float
    text: str
    stderr: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A process's life. `run_seconds` None: it does not end by itself."""

    lines: tuple[Line, ...] = ()
    run_seconds: float | None = None
    exit_code: int = 0


class _NotUnderstood(Exception):
    """The command is beyond this module."""


def plan(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Plan | None:
    """What `argv` would do, or None if that cannot be told."""
    run = _Run(env or {})
    try:
        run.command(argv)
    except _NotUnderstood:
        return None
    return Plan(tuple(run.lines), None if run.forever else run.now, run.status)


class _Run:
    """One shell's state while its plan is made."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.now = 0.0
        self.status = 0
        self.lines: list[Line] = []
        self.forever = False
        self.ended = False

    def command(self, argv: Sequence[str]) -> None:
        if not argv:
            raise _NotUnderstood
        name = argv[0].rpartition("/")[2]
        if name in _SHELLS and len(argv) >= 3 and argv[1] in ("-c", "-ec", "-xc"):
            self.script(argv[2], stop_on_error="e" in argv[1])
        elif name in ("true", ":"):
            self.status = 0
        elif name == "false":
            self.status = 1
        elif name == "echo":
            self.echo(argv[1:])
        elif name == "sleep":
            self.sleep(argv[1:])
        elif name == "exit":
            self.exit(argv[1:])
        else:
            raise _NotUnderstood

    def echo(self, words: Sequence[str]) -> None:
        words = words[1:] if words and words[0] in ("-e", "-n") else words
        self.lines += [Line(self.now, text) for text in " ".join(words).split("\n")]
        self.status = 0

    def sleep(self, words: Sequence[str]) -> None:
        self.status = 0
        if list(words) in (["infinity"], ["inf"]):
            self.forever = self.ended = True
            return
        matches = [_DURATION.fullmatch(word) for word in words]
        if not matches or None in matches:
            raise _NotUnderstood
        self.now += sum(float(one[1]) * _UNITS[one[2]] for one in matches if one)

    def exit(self, words: Sequence[str]) -> None:
        if words and not words[0].isdigit():
            raise _NotUnderstood
        self.status = int(words[0]) % 256 if words else self.status
        self.ended = True

    def script(self, text: str, *, stop_on_error: bool) -> None:
        for separator, part in _commands(text):
            if self.ended:
                return
            skip = (separator == "&&" and self.status) or (separator == "||" and not self.status)
            every = self.words(part)
            words = [word for word in every if word != _STDERR]
            if not words or skip:
                continue
            if words[0] == "set" and words[1:] == ["-e"]:
                stop_on_error = True
                continue
            before = len(self.lines)
            self.command(words)
            if _STDERR in every:
                self.lines[before:] = [replace(line, stderr=True) for line in self.lines[before:]]
            if stop_on_error and self.status:
                self.ended = True

    def words(self, part: str) -> list[str]:
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            raise _NotUnderstood from None
        if words and words[0] in _KEYWORDS:
            raise _NotUnderstood
        if "'" in part and "$" in part:
            return words  # single quotes keep variables as they stand; telling them apart is not worth it
        return [_VARIABLE.sub(lambda match: self.env.get(match[1] or match[2], ""), word) for word in words]


def _commands(text: str) -> list[tuple[str, str]]:
    """(separator before it, command), split outside quotes. `>&2` becomes a word of its own."""
    parts: list[tuple[str, str]] = []
    separator, current, quote, index = "", "", "", 0
    while index < len(text):
        char, two = text[index], text[index : index + 2]
        if quote:
            if quote == '"' and (char == "`" or two == "$("):
                raise _NotUnderstood
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif two in ("&&", "||"):
            parts.append((separator, current))
            separator, current = two, ""
            index += 2
            continue
        elif char in ";\n":
            parts.append((separator, current))
            separator, current, char = ";", "", ""
        elif (found := _TO_STDERR.match(text, index)) and _may_redirect(char, current[-1:]):
            current += f" {_STDERR} "
            index = found.end()
            continue
        elif _NOT_UNDERSTOOD.match(text, index):
            raise _NotUnderstood
        current += char
        index += 1
    return [*parts, (separator, current)]


def _may_redirect(char: str, before: str) -> bool:
    """A number right before `>` names what is redirected, and we know of 1 only, as a word of its own."""
    return not before.isdigit() if char == ">" else not before.strip()
