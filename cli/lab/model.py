"""What a lab is: its files, read and looked over. A mistake in them is told at once, with the file's name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.lab.kinds.table import KINDS

LABS: Final = Path(__file__).resolve().parent.parent.parent / "labs"
_OF_EVERY_CHECK: Final = frozenset({"id", "kind", "points", "about", "hint", "runtime"})


@dataclass(frozen=True)
class Question:
    """To be answered in `answers.yaml`."""

    id: str
    text: str
    runtime: str = ""
    """`docker`: only where containers are real; "" everywhere."""


@dataclass(frozen=True)
class Check:
    """`about`: what is so when it is met. `facts`: what its kind goes by."""

    id: str
    kind: str
    points: int
    about: str
    hint: str
    facts: Mapping[str, Any]
    runtime: str = ""
    """As a question's."""


@dataclass(frozen=True)
class Lab:
    """One folder under `labs/`, called NN-name."""

    folder: Path
    title: str
    minutes: int
    questions: tuple[Question, ...]
    checks: tuple[Check, ...]
    nodes: int = 1
    """That it takes."""
    broken: bool = False
    """A fault is drawn and hidden at the start, after the set-up."""

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def namespace(self) -> str:
        """Of its own, so that nothing of anybody's is in the way, and it can be cleared away whole."""
        return f"lab-{self.id}"

    def on(self, runtime: str) -> Lab:
        """What of it can be asked on that runtime."""
        fitting = ("", runtime)
        questions = tuple(one for one in self.questions if one.runtime in fitting)
        return replace(self, questions=questions, checks=tuple(one for one in self.checks if one.runtime in fitting))

    @property
    def points(self) -> int:
        return sum(one.points for one in self.checks)

    @property
    def text(self) -> Path:
        return self.folder / "text.md"

    @property
    def setup(self) -> Path:
        """Run at the start; not every lab has one."""
        return self.folder / "setup.sh"

    @property
    def aftermath(self) -> Path:
        """Run when the fault is in force, so that it shows."""
        return self.folder / "aftermath.sh"

    @property
    def solution(self) -> Path:
        return self.folder / "solution.sh"

    def told_solution(self) -> str:
        """The script, and the programs that it makes the student's: where one is written, they are what matters."""
        script = self.solution.read_text()
        programs = dict.fromkeys(re.findall(r"\$LAB/([\w-]+\.py)", script))
        return "".join([script, *(f"\n# --- {name}\n{(self.folder / name).read_text()}" for name in programs)])

    @property
    def wrong(self) -> list[Path]:
        """Plausible mistakes, for the tests: each fails the checks that its first line names."""
        return sorted((self.folder / "wrong").glob("*.sh"))


def load(folder: Path) -> Lab:
    """Raises UserError for what is missing or not understood."""
    file = folder / "lab.toml"
    try:
        found = tomllib.loads(file.read_text())
        questions = tuple(
            Question(one["id"], one["text"], one.get("runtime", "")) for one in found.get("questions", [])
        )
        checks = tuple(_check(one) for one in found["checks"])
        nodes, broken = int(found.get("nodes", 1)), bool(found.get("broken", False))
        return Lab(folder, found["title"], int(found["minutes"]), questions, checks, nodes, broken)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: {error}") from None
    except KeyError as error:
        raise UserError(f"{file}: {error} is missing") from None
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None


def _check(found: dict[str, Any]) -> Check:
    kind = KINDS.get(found["kind"])
    if kind is None:
        raise ValueError(f"check {found['id']}: no kind {found['kind']}{did_you_mean(found['kind'], KINDS)}")
    facts = {key: value for key, value in found.items() if key not in _OF_EVERY_CHECK}
    for unknown in facts.keys() - kind.takes:
        raise ValueError(f"check {found['id']}: a check of kind {found['kind']} takes no {unknown}")
    for missing in kind.needs - facts.keys():
        raise ValueError(f"check {found['id']}: a check of kind {found['kind']} needs {missing}")
    runtime = found.get("runtime", "")
    return Check(found["id"], found["kind"], int(found["points"]), found["about"], found["hint"], facts, runtime)


def all_labs(root: Path = LABS) -> list[Lab]:
    """In order of their numbers. Raises UserError if there are none to be found."""
    folders = sorted(one.parent for one in root.glob("*/lab.toml"))
    if not folders:
        raise UserError(f"there are no labs in {root}")
    return [load(one) for one in folders]


def find(text: str, root: Path = LABS) -> Lab:
    """By number (3, 03), name or both (03-no-scheduler). Raises UserError, with the near ones, if there is none."""
    labs = all_labs(root)
    for one in labs:
        number, _, name = one.id.partition("-")
        if text in (one.id, name, number, number.lstrip("0")):
            return one
    raise UserError(f"no lab {text}{did_you_mean(text, [one.id for one in labs])}; orrery lab list shows them")
