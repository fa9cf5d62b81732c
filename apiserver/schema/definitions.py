"""The published OpenAPI definitions, derived once into a cache of two files that are read piece by piece.

The source is one JSON document of 1.6 MB that costs 15 MB as a tree. The cache holds every definition twice as compact
JSON: whole (descriptions included, for OpenAPI documents) and lean (for schema nodes). An index says where each lies,
so a process parses only the definitions it meets.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
import os
from pathlib import Path
from typing import Any, Final

import orjson

from apimachinery.resources import GVK
from apiserver.schema.resources import RELEASE

JSON = dict[str, Any]

FORMAT: Final = 1
"""Goes into the cache's name; raise it when what is derived changes."""

REF: Final = "#/$defs/"
GVK_EXTENSION: Final = "x-kubernetes-group-version-kind"

_SOURCE_FOLDER: Final = f"kubernetes-json-schema/{RELEASE}.0-local"


class Definitions:
    """Definitions by name (`io.k8s.api.apps.v1.Deployment`), from the cache under `folder`."""

    def __init__(self, folder: Path) -> None:
        index = orjson.loads((folder / "index.json").read_bytes())
        self._where: dict[str, list[int]] = index["definitions"]
        self._kinds: dict[str, str] = index["kinds"]
        self._whole = _map(folder / "whole.json")
        self._lean = _map(folder / "lean.json")

    def names(self) -> list[str]:
        return list(self._where)

    def name_of(self, gvk: GVK) -> str | None:
        return self._kinds.get(_kind_key(gvk.group, gvk.version, gvk.kind))

    def names_in(self, group: str, version: str) -> list[str]:
        """Definitions of every kind of a group-version, lists and options included."""
        prefix = f"{group}/{version}/"
        return [name for key, name in self._kinds.items() if key.startswith(prefix)]

    def whole(self, name: str) -> JSON:
        start, end, _, _ = self._where[name]
        return orjson.loads(self._whole[start:end])  # type: ignore[no-any-return]

    def lean(self, name: str) -> JSON:
        _, _, start, end = self._where[name]
        return orjson.loads(self._lean[start:end])  # type: ignore[no-any-return]

    def close(self) -> None:
        self._whole.close()
        self._lean.close()


def open_definitions(cache_dir: Path) -> Definitions:
    """The cache under `cache_dir`, built first where it is missing. Safe when several processes start at once."""
    source = source_path()
    content = source.read_bytes()
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    folder = cache_dir / f"schema-{RELEASE}-{FORMAT}-{digest}"
    if not (folder / "index.json").exists():
        _build(orjson.loads(content)["$defs"], folder)
    return Definitions(folder)


def source_path() -> Path:
    """Where the installed `kubernetes-validate` keeps its definitions. Importing it would load jsonschema as well."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package kubernetes-validate is not installed")
    return Path(spec.submodule_search_locations[0]) / _SOURCE_FOLDER / "_definitions.json"


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _kind_key(group: str, version: str, kind: str) -> str:
    return f"{group}/{version}/{kind}"


# --- building --------------------------------------------------------------------------------------------------------


def _build(definitions: JSON, folder: Path) -> None:
    import shutil  # here, since the cache is built once and opened at every start
    import tempfile

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(definitions, scratch)
        _publish(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(scratch: Path, folder: Path) -> None:
    """Put the finished cache in its place in one step. Whoever comes second finds an equal one there and leaves it."""
    os.chmod(scratch, 0o755)
    try:
        os.rename(scratch, folder)
    except OSError:
        if not (folder / "index.json").exists():
            raise


def _write(definitions: JSON, folder: Path) -> None:
    where: dict[str, list[int]] = {}
    kinds: dict[str, str] = {}
    with (folder / "whole.json").open("wb") as whole_file, (folder / "lean.json").open("wb") as lean_file:
        for name, definition in definitions.items():
            whole = clean(definition)
            where[name] = [*_append(whole_file, whole), *_append(lean_file, _leaner(whole))]
            for gvk in whole.get(GVK_EXTENSION, ()):
                kinds.setdefault(_kind_key(gvk["group"], gvk["version"], gvk["kind"]), name)
    (folder / "index.json").write_bytes(orjson.dumps({"definitions": where, "kinds": kinds}))


def _append(file: Any, value: JSON) -> tuple[int, int]:
    start: int = file.tell()
    file.write(orjson.dumps(value))
    return start, file.tell()


def clean(schema: JSON) -> JSON:
    """A schema node as Kubernetes publishes it, without what its repackaging added: null types, enums of the kind."""
    result: JSON = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, list):
            result[key] = next(name for name in value if name != "null")
        elif key == "properties":
            result[key] = {name: clean(field) for name, field in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = clean(value)
        elif key == "oneOf":
            result[key] = [clean(option) for option in value]
        elif key == "$ref":
            result[key] = value.removeprefix(REF)
        elif key != "enum":
            result[key] = value
    return result


def _leaner(schema: JSON) -> JSON:
    result: JSON = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: _leaner(field) for name, field in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _leaner(value)
        elif key not in ("description", GVK_EXTENSION):
            result[key] = value
    return result
