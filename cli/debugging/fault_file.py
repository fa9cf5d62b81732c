"""Files of faults: what is wrong in one is told with its line and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from cli.debugging import faults
from cli.debugging.faults import Fault
from cli.debugging.near import did_you_mean
from cli.errors import UserError

_WORD: Final = ("a word", (str,))
_SWITCH: Final = ("true or false", (bool,))
_TIME: Final = ("a duration such as 200ms or 5m", (str, int, float))
_WHOLE: Final = ("a whole number, 0 or more", (int,))
_TYPES: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "edge": _WORD,
    "component": _WORD,
    "match": ("kind=Pod,name=web-* or a mapping", (str, dict)),
    "drop": _SWITCH,
    "delay": _TIME,
    "jitter": _TIME,
    "duplicate": _SWITCH,
    "reorder": _SWITCH,
    "error": _WORD,
    "probability": ("a number above 0 and at most 1", (int, float)),
    "count": _WHOLE,
    "duration": _TIME,
    "seed": _WHOLE,
    "forever": _SWITCH,
    "partition": ("a list of two components", (list,)),
}
_OF_A_PARTITION: Final = ("partition", "duration", "forever")
_OF_A_FAULT: Final = tuple(one.name for one in fields(Fault))


@dataclass(frozen=True)
class Partition:
    """Two sides, and for how long."""

    one: str
    other: str
    duration: str


@dataclass(frozen=True)
class Entry:
    """One of a file's faults, and where it is written."""

    where: str
    wanted: Fault | Partition

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is wrong with it is told with where it is."""
        with _at(self.where):
            yield


def read_file(file: Path) -> list[Entry]:
    """`faults:` is a list of faults, with the flags' names, and of `partition: [A, B]`. Raises UserError."""
    import yaml

    try:
        text = file.read_text()
        root: Any = yaml.compose(text)
        tree = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise UserError(f"{file}, line {line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file}: {error}") from None
    found = tree.get("faults") if isinstance(tree, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UserError(f"{file}: must be a mapping with a list `faults`, of mappings")
    nodes = next(value.value for key, value in root.value if key.value == "faults")
    return [_entry(file, node, one) for node, one in zip(nodes, found, strict=True)]


def _entry(file: Path, node: Any, tree: Mapping[str, Any]) -> Entry:
    known = _OF_A_PARTITION if "partition" in tree else _OF_A_FAULT
    for key, value in node.value:
        with _at(f"{file}, line {key.start_mark.line + 1}"):
            if key.value not in known:
                raise UserError(f"no such field {key.value}{did_you_mean(key.value, known)}")
            _check_type(key.value, tree[key.value], value)
    where = f"{file}, line {node.start_mark.line + 1}"
    with _at(where):
        wanted = _partition(tree) if "partition" in tree else faults.fault_from_tree(tree)
        if isinstance(wanted, Fault):
            faults.check(wanted)
    return Entry(where, wanted)


def _check_type(field: str, value: Any, node: Any) -> None:
    words, types = _TYPES[field]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise UserError(f"{field}: must be {words}, not {getattr(node, 'value', value)!r}")


def _partition(tree: Mapping[str, Any]) -> Partition:
    sides = tree["partition"]
    if len(sides) != 2:
        raise UserError(f"partition: must be a list of two components, not {sides!r}")
    duration = str(tree.get("duration", ""))
    require_end(duration, bool(tree.get("forever")))
    return Partition(str(sides[0]), str(sides[1]), duration)


def require_end(duration: str, forever: bool) -> None:
    if not duration and not forever:
        raise UserError("when should it end? Say --duration 30s (cluster time), or --forever if you mean it")


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
