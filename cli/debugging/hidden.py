"""What a lab broke and keeps to itself, for students to find.

Its rules are set in components alone, under ids of their own, and not in the cluster's file of rules: so a component
that begins anew is rid of them, as in real life. Who shows rules, held messages or frozen processes leaves these out
and says instead how many there are and how to end them: nobody should debug a forgotten fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from cli.errors import UserError
from cli.spec import Paths
from wire.rules import HIDDEN

NO_ANSWER: Final = "gives no answer"


@dataclass(frozen=True)
class Hidden:
    """`pids`: the broken processes, by component; another process of that name is as it should be.

    `rules`: the ids of rules set in them. One without rules is frozen.
    """

    lab: str
    pids: Mapping[str, int]
    rules: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def frozen(self) -> dict[str, int]:
        return {component: pid for component, pid in self.pids.items() if component not in self.rules}

    @property
    def count(self) -> int:
        return sum(len(ids) for ids in self.rules.values()) + len(self.frozen)


def read_hidden(paths: Paths) -> Hidden | None:
    """None if nothing is hidden. Raises UserError."""
    try:
        return Hidden(**json.loads(paths.hidden.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise UserError(f"{paths.hidden} is broken; remove it, and restart what a lab may have broken") from None


def write_hidden(paths: Paths, hidden: Hidden) -> None:
    fresh = paths.hidden.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(hidden)))
    fresh.replace(paths.hidden)


def is_hidden(rule_id: str) -> bool:
    return rule_id.startswith(HIDDEN)


def hidden_pids(paths: Paths) -> frozenset[int]:
    """Of processes that a lab froze."""
    found = read_hidden(paths)
    return frozenset(found.frozen.values()) if found else frozenset()


def why_silent(paths: Paths, pid: int) -> str:
    """What to say of a frozen process."""
    return NO_ANSWER if pid in hidden_pids(paths) else "frozen"


def notice(paths: Paths) -> list[str]:
    """A line, if anything is hidden; also after it was repaired, for that is for the student to find out."""
    found = read_hidden(paths)
    if found is None:
        return []
    things = "1 thing is" if found.count == 1 else f"{found.count} things are"
    return [f"{things} hidden by lab {found.lab} (orrery lab reset {found.lab} ends it)"]
