"""The cluster's rules: a file beside its clock, and the same in every component.

The file is what is wanted; components read it when they start and look at it now and then. Whoever changes it tells
the running components too (`telling.py`), so that a change is in force at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cli.debugging.timeline import now_on
from cli.errors import UserError
from cli.locks import in_turn
from cli.spec import Paths
from wire.rules import Rule, rule_from_json, rule_to_json
from wire.seams import RULES_FILE, read_clock

Tree = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One rule and the components it is for, a shell pattern. `said` is the command that set it."""

    rule: Rule
    component: str = "*"
    created: float = 0.0
    said: str = ""

    @property
    def group(self) -> str:
        """What one command set is deleted together: `partition-1.2` belongs to `partition-1`."""
        return self.rule.id.partition(".")[0]


@dataclass
class Rulebook:
    """The file. `last`: by word (`fault`), the highest number that a rule ever had; none is given twice.

    For who is out of reach while one rule goes and another comes must be able to tell them apart.
    """

    entries: list[Entry] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)

    def numbered(self, rules: Sequence[Rule], word: str) -> list[Rule]:
        """Give rules of one command ids: `word-1`, or `word-1.1` and on if there are several."""
        self.last[word] = self.last.get(word, 0) + 1
        group = f"{word}-{self.last[word]}"
        if len(rules) == 1:
            return [replace(rules[0], id=group)]
        return [replace(rule, id=f"{group}.{n}") for n, rule in enumerate(rules, 1)]

    def text(self) -> str:
        trees = [
            {"component": one.component, "created": one.created, "said": one.said, **rule_to_json(one.rule)}
            for one in self.entries
        ]
        return json.dumps({"last": self.last, "rules": trees}, indent=1)


class BrokenRules(UserError):
    """The file is no rulebook."""


def rules_path(paths: Paths) -> Path:
    assert paths.rules.name == RULES_FILE  # where components look for it
    return paths.rules


def read_entries(path: Path) -> list[Entry]:
    """Raises BrokenRules."""
    return _read(path).entries


def _read(path: Path) -> Rulebook:
    if not path.exists():
        return Rulebook()
    try:
        tree = json.loads(path.read_text())
        entries = [_entry(one) for one in tree["rules"]]
        return Rulebook(entries, _last(entries, tree.get("last", {})))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenRules(f"{path} is broken ({error!r}); orrery fault clear begins it anew") from None


def _last(entries: Sequence[Entry], said: Mapping[str, int]) -> dict[str, int]:
    """As the file says, unless somebody added rules by hand."""
    last = {word: int(number) for word, number in said.items()}
    for one in entries:
        word, _, number = one.group.rpartition("-")
        if number.isdecimal():
            last[word] = max(last.get(word, 0), int(number))
    return last


_ABOUT: Tree = {"component": "*", "created": 0.0, "said": ""}  # what the file adds to a rule


def _entry(tree: Tree) -> Entry:
    about: Tree = {name: tree.get(name, default) for name, default in _ABOUT.items()}
    if not isinstance(about["component"], str):
        raise TypeError(f"component: {about['component']!r}")
    return Entry(rule_from_json({name: value for name, value in tree.items() if name not in _ABOUT}), **about)


def in_force(entries: Sequence[Entry], now: float) -> list[Entry]:
    return [one for one in entries if not one.rule.expired(now)]


@contextmanager
def edit(path: Path) -> Iterator[Rulebook]:
    """Change it in the body; it is written afterwards, whole, unless the body raises. One editor at a time.

    Raises BrokenRules.
    """
    with _alone(path):
        book = _read(path)
        yield book
        _write(path, book)


def renew(path: Path) -> None:
    """Whatever the file was: no rules from now on."""
    with _alone(path):
        _write(path, Rulebook())


def _alone(path: Path) -> AbstractContextManager[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return in_turn(path.with_suffix(".lock"))


def _write(path: Path, book: Rulebook) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(book.text())
    fresh.replace(path)


def current(paths: Paths) -> list[Entry]:
    """The rules in force, from the files alone, for who asks nobody."""
    line = read_clock(paths.clock)
    now = now_on(line, time.monotonic()) if line else time.time()
    return in_force(read_entries(rules_path(paths)), now)
