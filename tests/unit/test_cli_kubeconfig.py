"""Merging into a kubeconfig and out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cli.errors import UserError
from cli.kubeconfig import JSON, merge_into, merged, remove_from, without


def one(context: str) -> JSON:
    return {
        "clusters": [{"name": context, "cluster": {"server": f"https://{context}"}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "users": [{"name": context, "user": {}}],
        "current-context": context,
    }


def names(config: JSON, section: str) -> list[str]:
    return [entry["name"] for entry in config[section]]


def test_merge_keeps_what_is_there_and_replaces_its_own() -> None:
    config = merged(merged(one("kind"), one("orrery")), one("orrery"))
    assert names(config, "clusters") == ["kind", "orrery"]
    assert names(config, "users") == ["kind", "orrery"]
    assert config["current-context"] == "orrery"


def test_without_is_the_inverse() -> None:
    config = without(merged(one("kind"), one("orrery")), "orrery")
    assert names(config, "contexts") == ["kind"]
    assert config["current-context"] == ""


def test_without_leaves_another_current_context() -> None:
    config = merged(one("orrery"), one("kind"))
    assert without(config, "orrery")["current-context"] == "kind"


def test_files_are_made_private_and_parents_created(tmp_path: Path) -> None:
    path = tmp_path / "a" / "config"
    merge_into(path, one("orrery"))
    assert path.stat().st_mode & 0o777 == 0o600
    remove_from(path, "orrery")
    assert yaml.safe_load(path.read_text())["contexts"] == []


def test_a_broken_kubeconfig_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: [")
    with pytest.raises(UserError, match="nothing in it was changed"):
        merge_into(path, one("orrery"))
    assert path.read_text() == "a: ["
