"""A piece of an nftables table as data, and the transaction text that makes it so: whole, or as a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

TABLE = "ip orrery-proxy"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """`chains`: name to rules. `maps`: verdict map to elements. `sets`: plain sets to elements.
    `clients`: the set of one endpoint's clients to the seconds they are remembered; the kernel fills it."""

    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    clients: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What every ruleset is set in: declarations of maps and sets, and the chains that the kernel enters.

    `hooks`: chain to its `type ... hook ... priority ...` line. `types`: map or set to its type.
    """

    hooks: Mapping[str, str]
    types: Mapping[str, str]
    chains: Mapping[str, tuple[str, ...]]


def merge(pieces: Iterable[Ruleset]) -> Ruleset:
    """Pieces of different services share maps and sets, never a chain. The first claim to an address stands."""
    chains: dict[str, tuple[str, ...]] = {}
    clients: dict[str, int] = {}
    maps: dict[str, dict[str, str]] = {}
    sets: dict[str, set[str]] = {}
    for piece in pieces:
        chains.update(piece.chains)
        clients.update(piece.clients)
        for name, elements in piece.maps.items():
            known = maps.setdefault(name, {})
            for key, verdict in elements.items():
                known.setdefault(key, verdict)
        for name, members in piece.sets.items():
            sets.setdefault(name, set()).update(members)
    return Ruleset(chains, maps, {name: frozenset(members) for name, members in sets.items()}, clients)


def full_text(skeleton: Skeleton, rules: Ruleset) -> str:
    """One transaction that replaces the table, whatever it held: no packet sees it missing."""
    lines = [f"add table {TABLE}", f"delete table {TABLE}", f"add table {TABLE}"]
    for name, type_ in skeleton.types.items():
        kind = "map" if "verdict" in type_ else "set"
        lines.append(f"add {kind} {TABLE} {name} {{ {type_} }}")
    lines += [f"add chain {TABLE} {name} {{ {hook} }}" for name, hook in skeleton.hooks.items()]
    lines += [f"add chain {TABLE} {name}" for name in skeleton.chains if name not in skeleton.hooks]
    lines += _additions(Ruleset(), rules)
    lines += _rules(skeleton.chains)
    return "\n".join(lines) + "\n"


def change_text(old: Ruleset, new: Ruleset) -> str:
    """The transaction from `old` to `new`; empty if they are the same. What stays keeps its state in the kernel."""
    gone = [name for name in old.chains if name not in new.chains]
    lines = [*_removed_elements(old, new), *_additions(old, new)]
    lines += [f"flush chain {TABLE} {name}" for name in gone]
    lines += [f"delete chain {TABLE} {name}" for name in gone]
    lines += [f"delete set {TABLE} {name}" for name in old.clients if name not in new.clients]
    return "\n".join(lines) + "\n" if lines else ""


def _removed_elements(old: Ruleset, new: Ruleset) -> list[str]:
    lines = []
    for name, elements in old.maps.items():
        kept = new.maps.get(name, {})
        dropped = [key for key, verdict in elements.items() if kept.get(key) != verdict]
        lines += _elements("delete", name, dropped)
    for name, members in old.sets.items():
        lines += _elements("delete", name, sorted(members - new.sets.get(name, frozenset())))
    return lines


def _additions(old: Ruleset, new: Ruleset) -> list[str]:
    """First everything that rules may name, then the rules, then the way to them."""
    lines = []
    for name, seconds in new.clients.items():
        if name not in old.clients:
            declaration = f"type ipv4_addr; flags dynamic,timeout; timeout {seconds}s;"
            lines.append(f"add set {TABLE} {name} {{ {declaration} }}")
    changed = {name: rules for name, rules in new.chains.items() if old.chains.get(name) != rules}
    for name in changed:
        verb = "flush" if name in old.chains else "add"
        lines.append(f"{verb} chain {TABLE} {name}")
    lines += _rules(changed)
    for name, elements in new.maps.items():
        known = old.maps.get(name, {})
        added = [f"{key} : {verdict}" for key, verdict in elements.items() if known.get(key) != verdict]
        lines += _elements("add", name, added)
    for name, members in new.sets.items():
        lines += _elements("add", name, sorted(members - old.sets.get(name, frozenset())))
    return lines


def _rules(chains: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"add rule {TABLE} {name} {rule}" for name, rules in chains.items() for rule in rules]


def _elements(verb: str, name: str, elements: list[str]) -> list[str]:
    return [f"{verb} element {TABLE} {name} {{ {', '.join(elements)} }}"] if elements else []
