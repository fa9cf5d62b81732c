"""Copies of the user's kubeconfigs that send one cluster's requests through a proxy."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

JSON = dict[str, Any]

_FILES = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
"""By section: fields that name files, relative to the kubeconfig that they stand in."""


def through_proxy(config: JSON, folder: Path, server: str, proxy: str) -> tuple[JSON, int]:
    """A copy to be kept elsewhere than in `folder`, and how many of its clusters are at `server`. Pure."""
    made: JSON = copy.deepcopy(config)
    found = 0
    for section, fields in _FILES.items():
        for entry in made.get(section) or []:
            inner = entry.get(section.removesuffix("s")) or {}
            for field in fields:
                if inner.get(field):
                    inner[field] = str(folder / inner[field])
            if section == "clusters" and str(inner.get("server", "")).rstrip("/") == server:
                inner["proxy-url"] = proxy
                found += 1
    return made, found


def copies(files: list[Path], target: Path, server: str, proxy: str) -> tuple[list[Path], int]:
    """Write the copies into `target`, which nobody else may read. Missing files are left out, as kubectl does."""
    import yaml

    made: list[Path] = []
    total = 0
    for number, path in enumerate(files):
        if not path.exists():
            continue
        config, found = through_proxy(yaml.safe_load(path.read_text()) or {}, path.resolve().parent, server, proxy)
        made.append(target / f"config-{number}")
        made[-1].touch(mode=0o600)
        made[-1].write_text(yaml.safe_dump(config))
        total += found
    return made, total
