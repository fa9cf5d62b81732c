"""The cluster's rules: a file beside its clock, and the same in every component.

The file is what is wanted; components read it when they start and look at it now and then. Whoever changes it tells
the running components too (`telling.py`), so that a change is in force at once.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli.debugging.timeline import now_on
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


def rules_path(paths: Paths) -> Path:
    assert paths.rules.name == RULES_FILE  # where components look for it
    return paths.rules


def read_entries(path: Path) -> list[Entry]:
    if not path.exists():
        return []
    return [_entry(tree) for tree in json.loads(path.read_text())["rules"]]


def _entry(tree: Tree) -> Entry:
    about = {name: tree.get(name, default) for name, default in (("component", "*"), ("created", 0.0), ("said", ""))}
    return Entry(rule_from_json({name: value for name, value in tree.items() if name not in about}), **about)


def in_force(entries: Sequence[Entry], now: float) -> list[Entry]:
    return [one for one in entries if not one.rule.expires or now < one.rule.expires]


def numbered(rules: Sequence[Rule], word: str, entries: Sequence[Entry]) -> list[Rule]:
    """Give rules of one command ids: `word-1`, or `word-1.1` and on if there are several."""
    taken = {one.group for one in entries}
    group = next(f"{word}-{n}" for n in range(1, len(taken) + 2) if f"{word}-{n}" not in taken)
    if len(rules) == 1:
        return [replace(rules[0], id=group)]
    return [replace(rule, id=f"{group}.{n}") for n, rule in enumerate(rules, 1)]


@contextmanager
def edit(path: Path) -> Iterator[list[Entry]]:
    """Change the list in the body; it is written afterwards, whole. One editor at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = read_entries(path)
        yield entries
        trees = [
            {"component": one.component, "created": one.created, "said": one.said, **rule_to_json(one.rule)}
            for one in entries
        ]
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"rules": trees}, indent=1))
        fresh.replace(path)


def current(paths: Paths) -> list[Entry]:
    """The rules in force, from the files alone, for who asks nobody."""
    line = read_clock(paths.clock)
    now = now_on(line, time.monotonic()) if line else time.time()
    return in_force(read_entries(rules_path(paths)), now)
