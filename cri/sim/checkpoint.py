"""What a simulated runtime must not forget: one small file per sandbox and container, written as it changes.

A file holds the CRI config as the kubelet sent it, and the few fields that change; all else follows from these.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cri.records import Container, Sandbox, State
from proto import cri_pb2 as pb

_CONTAINER_FIELDS = ("created_at", "started_at", "finished_at", "exit_code", "reason", "message", "image_id")
_SANDBOX_FIELDS = ("ready", "created_at", "ip", "runtime_handler")


class Checkpoint:
    """A directory of such files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def save_sandbox(self, sandbox: Sandbox, config: pb.PodSandboxConfig) -> None:
        fields = {name: getattr(sandbox, name) for name in _SANDBOX_FIELDS}
        self._write(f"{sandbox.id}.sandbox", {**fields, "config": _encode(config)})

    def save_container(self, container: Container, config: pb.ContainerConfig) -> None:
        fields = {name: getattr(container, name) for name in _CONTAINER_FIELDS}
        more = {"sandbox_id": container.sandbox_id, "state": int(container.state), "config": _encode(config)}
        self._write(f"{container.id}.container", {**fields, **more})

    def save_images(self, names: list[str]) -> None:
        self._write("images", names)

    def drop(self, record_id: str) -> None:
        for kind in ("sandbox", "container"):
            (self._directory / f"{record_id}.{kind}").unlink(missing_ok=True)

    def sandboxes(self) -> Iterator[tuple[str, dict[str, Any], pb.PodSandboxConfig]]:
        """Id, changing fields and config of each."""
        for path, fields in self._read_all("sandbox"):
            yield path.stem, fields, pb.PodSandboxConfig.FromString(base64.b64decode(fields.pop("config")))

    def containers(self) -> Iterator[tuple[str, str, dict[str, Any], pb.ContainerConfig]]:
        """Id, sandbox's id, changing fields and config of each."""
        for path, fields in self._read_all("container"):
            config = pb.ContainerConfig.FromString(base64.b64decode(fields.pop("config")))
            fields["state"] = State(fields["state"])
            yield path.stem, fields.pop("sandbox_id"), fields, config

    def images(self) -> list[str]:
        path = self._directory / "images"
        return [str(name) for name in json.loads(path.read_bytes())] if path.exists() else []

    def _read_all(self, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in sorted(self._directory.glob(f"*.{kind}")):
            yield path, json.loads(path.read_bytes())

    def _write(self, name: str, content: Any) -> None:
        path = self._directory / name
        beside = path.with_name(f"{name}.new")
        beside.write_text(json.dumps(content))
        beside.rename(path)


def _encode(config: pb.PodSandboxConfig | pb.ContainerConfig) -> str:
    return base64.b64encode(config.SerializeToString()).decode()
