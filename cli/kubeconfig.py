"""Merging a cluster into the user's kubeconfig and out of it again, as kind does."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from cli.errors import UserError

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
    _save(path, merged(_load(path), new))


def remove_from(path: Path, context: str) -> None:
    if path.exists():
        _save(path, without(_load(path), context))


def dump(config: JSON) -> str:
    return yaml.safe_dump(config, sort_keys=False)


def _load(path: Path) -> JSON:
    if not path.exists():
        return {}
    try:
        config = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML, so nothing was merged into it: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is no kubeconfig, so nothing was merged into it")
    return config


def _save(path: Path, config: JSON) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".orrery-new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(dump(config))
    fresh.replace(path)
