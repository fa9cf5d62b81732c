"""Scenario transcripts: commands, each followed by what it printed. They are tests and teaching material at once.

# a comment
command argument key=value
----
what it prints
...up to an empty line
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SEPARATOR = "----"


@dataclass
class Step:
    comments: list[str]
    command: str
    expected: str


def parse(text: str) -> list[Step]:
    steps: list[Step] = []
    for block in filter(None, (part.strip("\n") for part in text.split("\n\n"))):
        lines = block.split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rest = [line for line in lines if not line.startswith("#")]
        command, expected = (rest[0], "\n".join(rest[2:])) if rest else ("", "")
        steps.append(Step(comments, command, expected))
    return steps


def render(steps: list[Step]) -> str:
    blocks = []
    for step in steps:
        lines = [*step.comments]
        if step.command:
            lines += [step.command, SEPARATOR]
            lines += [step.expected] if step.expected else []
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


Mode = Literal["check", "rewrite"]


async def play(path: Path, perform: Callable[[str], Awaitable[str]], mode: Mode = "check") -> None:
    """Run a transcript against `perform`; in mode `rewrite` put what it gives into the file."""
    steps = parse(path.read_text())
    for step in steps:
        if not step.command:
            continue
        got = (await perform(step.command)).rstrip()
        if mode == "check":
            assert got == step.expected, f"{path.name}: {step.command}\n--- expected\n{step.expected}\n--- got\n{got}"
        step.expected = got
    if mode == "rewrite":
        path.write_text(render(steps))
