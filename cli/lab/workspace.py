"""A student's folder for one lab: `answers.yaml`, what was so at the start, and the last result."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.config import orrery_home
from cli.errors import UserError
from cli.lab.model import Lab

ANSWERS_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Start:
    """How things stood when the lab began. `counts`: by `COMPONENT EDGE`; `restarts`: by component."""

    lab: str
    started: float
    seed: int
    revision: int
    """etcd's: what it remembers from before is of earlier attempts."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Workspace:
    """Its files."""

    folder: Path

    @classmethod
    def of(cls, cluster: str, lab: Lab) -> Workspace:
        return cls(orrery_home() / "labs" / cluster / lab.id)

    @property
    def answers(self) -> Path:
        return self.folder / "answers.yaml"

    @property
    def start(self) -> Path:
        return self.folder / "start.json"

    @property
    def ticket(self) -> Path:
        """What users say, in a lab that hides a fault."""
        return self.folder / "ticket.txt"

    def edges(self, form: str) -> Path:
        """What `orrery edges` said before something was broken, as `txt` or `json`."""
        return self.folder / f"edges-before.{form}"

    @property
    def result(self) -> Path:
        return self.folder / "result.json"


def begin(space: Workspace, lab: Lab, start: Start) -> None:
    """Answers that somebody gave already stay."""
    space.folder.mkdir(parents=True, exist_ok=True)
    space.start.write_text(json.dumps(asdict(start)))
    if not space.answers.exists():
        space.answers.write_text(answer_sheet(lab))


def answer_sheet(lab: Lab) -> str:
    """Questions as comments, with room below each."""
    lines = [f"# {lab.id}: {lab.title}. Write each answer behind its colon; orrery lab check {lab.id} reads them."]
    for one in lab.questions:
        lines += ["", *(f"# {line}" for line in one.text.strip().splitlines()), f"{one.id}:"]
    return "\n".join(lines) + "\n"


def read_start(space: Workspace, lab: Lab) -> Start:
    """Raises UserError if the lab was not started."""
    try:
        return Start(**json.loads(space.start.read_text()))
    except FileNotFoundError:
        raise UserError(f"lab {lab.id} was not started; orrery lab start {lab.id}") from None
    except (ValueError, TypeError):
        raise UserError(f"{space.start} is broken; orrery lab reset {lab.id} clears it away") from None


def read_answers(space: Workspace) -> dict[str, Any]:
    """Raises UserError for what is no YAML map."""
    import yaml

    try:
        text = space.answers.read_text()[:ANSWERS_BYTES]
        found = yaml.load(text, Loader=yaml.BaseLoader) or {}  # text as it stands: 12e34 is an id, and no is no
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{space.answers} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise UserError(f"{space.answers}: expected lines of the form question: answer")
    return found


def clear(space: Workspace) -> None:
    """With all that the student put there."""
    shutil.rmtree(space.folder, ignore_errors=True)
