"""An input from a file: YAML or JSON documents that are objects or steps, or what `orrery compare record` wrote.

An object is created as it stands. A step says more:

    {do: patch, object: {apiVersion: v1, kind: Node, metadata: {name: n1}}, patch: {spec: {unschedulable: true}}}
    {do: delete, object: {apiVersion: v1, kind: Pod, metadata: {name: a}}}

The patch is a merge patch (RFC 7386); status in it goes to the status.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from cli.compare.kinds import builtin_of, gvr_of
from cli.compare.limits import DOCUMENT_NODES, FILE_BYTES, STEPS
from cli.compare.model import Do, Key, Step
from cli.errors import UserError

FORMAT: Final = "orrery-compare-1"
_STEP_FIELDS: Final = frozenset({"do", "object", "patch"})
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True)
class Input:
    """What is put into both sides."""

    source: str
    digest: str
    steps: tuple[Step, ...]
    component: str = ""
    """For which it was recorded, if it was."""


class _Loader(yaml.CSafeLoader):
    """Times stay the texts that they are in Kubernetes."""


_Loader.yaml_implicit_resolvers = {
    first: [one for one in found if one[0] != _TIMESTAMP]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_input(path: Path) -> Input:
    """Raises UserError, with the line, for what is no input."""
    raw = _bytes(path)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text: {error.reason} at byte {error.start}") from None
    recorded = text.startswith("{") and FORMAT in text.partition("\n")[0]
    steps = tuple(_lines(path, text) if recorded else _documents(path, text))
    if not steps:
        raise UserError(f"{path} holds no object: there is nothing to decide about")
    _refuse_doubles(steps)
    component = str(json.loads(text.partition("\n")[0]).get("component", "")) if recorded else ""
    return Input(str(path), hashlib.sha256(raw).hexdigest()[:12], steps, component)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"--input {path}: {error.strerror}") from None
    if len(raw) > FILE_BYTES:
        raise UserError(f"{path} is larger than {FILE_BYTES >> 20} MiB, the most that is compared at once")
    return raw


def _lines(path: Path, text: str) -> Iterator[Step]:
    """Of a recording. A last line that is torn (its writer was killed) is left out."""
    lines = text.splitlines()
    for number, line in enumerate(lines[1:], 2):
        where = f"{path}, line {number}"
        try:
            tree = json.loads(line)
        except ValueError as error:
            if number == len(lines) and not text.endswith("\n"):
                return
            raise UserError(f"{where}: {error}") from None
        yield _checked(tree, where, number - 1)


def _documents(path: Path, text: str) -> Iterator[Step]:
    number = 0
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            tree = _Loader("").construct_document(node)
            where = f"{path}, line {node.start_mark.line + 1}"
            for one in _unpacked(tree):
                number += 1
                yield _checked(one, where, number)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"{path}{line}: no YAML: {getattr(error, 'problem', None) or error}") from None


def _unpacked(tree: Any) -> Iterator[Any]:
    """The items of a List; nothing for an empty document."""
    if tree is None:
        return
    if isinstance(tree, dict) and str(tree.get("kind", "")).endswith("List") and isinstance(tree.get("items"), list):
        yield from tree["items"]
    else:
        yield tree


def _checked(tree: Any, where: str, number: int) -> Step:
    if number > STEPS:
        raise UserError(f"{where}: more than {STEPS} steps, the most that is compared at once")
    try:
        _refuse_giants(tree)
        return make_step(tree, where)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: {error}") from None


def _refuse_giants(tree: Any) -> None:
    """YAML's aliases make much out of little."""
    ahead, seen = [tree], 0
    while ahead:
        one = ahead.pop()
        seen += 1
        if seen > DOCUMENT_NODES:
            raise ValueError(f"more than {DOCUMENT_NODES} values in one object")
        ahead.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())


def make_step(tree: Any, where: str = "") -> Step:
    """From an object or a step. Raises ValueError, naming the field."""
    if not isinstance(tree, dict):
        raise ValueError(f"an object is wanted, not {type(tree).__name__}")
    if "do" not in tree:
        return _step(Do.CREATE, tree, tree, where)
    unknown = sorted(map(str, tree.keys() - _STEP_FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0]}: a step has do, object and patch only")
    known = [one.value for one in Do]
    if tree["do"] not in known:
        raise ValueError(f"do: {tree['do']!r} is none of {', '.join(known)}")
    do, obj, patch = Do(tree["do"]), tree.get("object"), tree.get("patch")
    if (do is Do.PATCH) != isinstance(patch, dict):
        raise ValueError("patch: wanted in a step that patches" if do is Do.PATCH else f"patch: not in a {do.value}")
    return _step(do, obj, patch or (obj if do is Do.CREATE else {}), where)


def _step(do: Do, obj: Any, tree: Any, where: str) -> Step:
    if not isinstance(obj, dict):
        raise ValueError("object: apiVersion, kind and metadata.name are wanted")
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            raise ValueError(f"{field}: required")
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        drawn = isinstance(metadata, dict) and "generateName" in metadata
        raise ValueError(f"metadata.name: required{'; a name drawn by lot cannot be repeated' if drawn else ''}")
    owners = metadata.get("ownerReferences") or []
    if not isinstance(owners, list) or not all(isinstance(one, dict) for one in owners):
        raise ValueError("metadata.ownerReferences: a list of mappings is wanted")
    for field in ("spec", "status"):
        if not isinstance(tree.get(field) or {}, dict):
            raise ValueError(f"{field}: a mapping is wanted, not {type(tree[field]).__name__}")
    found = builtin_of(obj)
    namespace = str(metadata.get("namespace") or "default") if found.namespaced else ""
    return Step(do, gvr_of(obj), found.kind, namespace, metadata["name"], tree, where)


def _refuse_doubles(steps: tuple[Step, ...]) -> None:
    """A second creation of what is there; a patch or deletion of what is not."""
    there: dict[Key, Step] = {}
    for step in steps:
        before = there.get(step.key)
        if step.do is Do.CREATE and before is not None:
            raise UserError(f"{step.where}: {step.shown} was created at {before.where}; a change of it is a do: patch")
        if step.do is Do.CREATE:
            there[step.key] = step
        elif step.do is Do.DELETE:
            there.pop(step.key, None)
