"""The field table: numbers, JSON names and types of every message of the API, by protobuf package.

The data is one text per message, entries `NUMBER:JSON NAME:TYPE:FLAGS` joined by `|`. Flags: r repeated, o omitempty,
p pointer, i inline. `map<T>` is a map from strings to T. A type that starts with a dot is absolute; any other message
is of the same package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from apimachinery.resources import GVK

DATA: Final = Path(__file__).parent / "data" / "proto-fields-v1.36.json"
META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1"

_SCALARS: Final = frozenset(("string", "bytes", "bool", "int32", "int64", "double"))

_PACKAGES: Final[dict[str, str]] = {
    "": "k8s.io.api.core",
    "apiextensions.k8s.io": "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions",
    "apiregistration.k8s.io": "k8s.io.kube_aggregator.pkg.apis.apiregistration",
    "internal.apiserver.k8s.io": "k8s.io.api.apiserverinternal",
    "meta.k8s.io": "k8s.io.apimachinery.pkg.apis.meta",
}
"""Groups whose package is not named after the group's first word."""


class Field(NamedTuple):
    number: int
    name: str
    """The JSON name; `-` where the type has a JSON form of its own."""
    type: str
    """A scalar's name, or a message's full one."""
    repeated: bool
    map: bool
    omitempty: bool
    pointer: bool
    inline: bool

    @property
    def scalar(self) -> bool:
        return self.type in _SCALARS

    @property
    def always_written(self) -> bool:
        """Whether Go's JSON encoder writes the field even when it is zero."""
        return not (self.omitempty or self.pointer or self.inline)


@cache
def _table() -> dict[str, dict[str, str]]:
    return orjson.loads(DATA.read_bytes())  # type: ignore[no-any-return]


def message_name(gvk: GVK) -> str | None:
    """The full name of a kind's message; None where the API has no protobuf form of it."""
    first_word = gvk.group.partition(".")[0]
    package = f"{_PACKAGES.get(gvk.group, f'k8s.io.api.{first_word}')}.{gvk.version}"
    for candidate in (package, META):
        # Options and Status travel under whatever group-version their request has.
        if gvk.kind in _table().get(candidate, ()):
            return f"{candidate}.{gvk.kind}"
    return None


def fields(message: str) -> tuple[Field, ...]:
    """The fields of a message by its full name."""
    package, _, name = message.rpartition(".")
    line = _table()[package][name]
    return tuple(_field(package, entry) for entry in line.split("|")) if line else ()


def _field(package: str, entry: str) -> Field:
    number, name, type_, flags = entry.split(":")
    is_map = type_.startswith("map<")
    if is_map:
        type_ = type_[4:].removesuffix(">")
    if type_.startswith("."):
        type_ = type_[1:]
    elif type_ not in _SCALARS:
        type_ = f"{package}.{type_}"
    return Field(int(number), name, type_, "r" in flags, is_map, "o" in flags, "p" in flags, "i" in flags)


def messages() -> list[str]:
    """Every message there is, by its full name."""
    return [f"{package}.{name}" for package, named in _table().items() for name in named]
