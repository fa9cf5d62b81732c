"""Merging a cluster into the user's kubeconfig and out of it again, as kind does."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cli.errors import UserError
from cli.locks import kubeconfig_lock

JSON = dict[str, Any]
_SECTIONS = ("clusters", "contexts", "users")


def entry(context: str, server: str, pki: Path) -> JSON:
    """A whole kubeconfig for one cluster, certificates inlined."""

    def inline(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": inline("ca.crt")}
    user = {"client-certificate-data": inline("admin.crt"), "client-key-data": inline("admin.key")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "users": [{"name": context, "user": user}],
        "current-context": context,
    }


def merged(config: JSON, new: JSON) -> JSON:
    """`config` with `new`'s entries in place of those of the same name, and its context current."""
    result = {"apiVersion": "v1", "kind": "Config", "preferences": {}, **config}
    for section in _SECTIONS:
        names = {one["name"] for one in new[section]}
        kept = [one for one in config.get(section) or [] if one.get("name") not in names]
        result[section] = kept + new[section]
    result["current-context"] = new["current-context"]
    return result


def without(config: JSON, context: str) -> JSON:
    """`config` with every trace of `context` gone."""
    result = dict(config)
    for section in _SECTIONS:
        result[section] = [one for one in config.get(section) or [] if one.get("name") != context]
    if result.get("current-context") == context:
        result["current-context"] = ""
    return result


def merge_into(path: Path, new: JSON) -> None:
    """Raises UserError if it cannot be; the file is as it was then."""
    with _changing(path):
        _save(path, merged(_load(path), new))


def remove_from(path: Path, context: str) -> None:
    """A file that does not name it is not touched. Raises UserError as `merge_into` does."""
    if not path.exists() or context not in path.read_text(errors="replace"):
        return
    with _changing(path):
        _save(path, without(_load(path), context))


def require_usable(path: Path) -> None:
    """Raise UserError if merging into the file would fail: better now than when all is done."""
    with _changing(path):
        _load(path)


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Alone, and with the parents there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with kubeconfig_lock(path):
            yield
    except OSError as error:
        raise UserError(f"kubeconfig {path} cannot be changed ({error.strerror}); KUBECONFIG names another") from None


def dump(config: JSON) -> str:
    return yaml.safe_dump(config, sort_keys=False)


def _load(path: Path) -> JSON:
    if not path.exists():
        return {}
    try:
        config = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"kubeconfig {path} is no valid YAML, so nothing in it was changed: {why}") from None
    if not isinstance(config, dict) or not all(map(_is_section, map(config.get, _SECTIONS))):
        raise UserError(f"{path} is no kubeconfig, so nothing in it was changed")
    return config


def _is_section(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def _save(path: Path, config: JSON) -> None:
    path = path.resolve()  # a link stays a link
    fresh = path.with_name(path.name + ".orrery-new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(dump(config))
    fresh.replace(path)
