"""Transcripts of Deployments at work. `python -m tests.scenarios.test_controllers` rewrites them; read the diff."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from api.apps import Deployment, ReplicaSet
from apimachinery.errors import ApiError
from controller_manager.controllers import deployment, replicaset
from tests.support.controller_world import World, controllers
from tests.support.transcript import Mode, play

DIRECTORY = Path(__file__).parent
SCENARIOS = sorted(DIRECTORY.glob("deployment_*.txt"))
JSON = dict[str, Any]


class Stage:
    """Performs a transcript's commands."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names: dict[str, str] = {}

    async def perform(self, line: str) -> str:
        command, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        await getattr(self, f"do_{command}")(options)
        await self._world.settle()
        return self._report(command)

    def _report(self, command: str) -> str:
        lines = [self._plain(text) for text in self._world.events() if text.startswith("ScalingReplicaSet")]
        if command in ("show", "history"):
            lines += [self._plain(line) for line in getattr(self, f"_{command}")()]
        return "\n".join(lines)

    def _plain(self, text: str) -> str:
        """Template hashes mean nothing to a reader: name ReplicaSets by their order."""
        for one in sorted(self._sets(), key=lambda one: one["metadata"]["uid"]):
            name = one["metadata"]["name"]
            self._names.setdefault(name, f"rs-{len(self._names) + 1}")
        for name, short in self._names.items():
            text = text.replace(name, short)
        return text.removeprefix("ScalingReplicaSet ")

    def _sets(self) -> list[JSON]:
        return self._world.api.server.store.trees(ReplicaSet.RESOURCE)

    # --- commands ----------------------------------------------------------------------------------------------------

    async def do_create(self, options: dict[str, str]) -> None:
        await self._world.api.create(Deployment, body(options))

    async def do_patch(self, options: dict[str, str]) -> None:
        spec: JSON = {}
        if "replicas" in options:
            spec["replicas"] = int(options["replicas"])
        if "paused" in options:
            spec["paused"] = options["paused"] == "true"
        if "image" in options:
            spec["template"] = template(options["image"])
        await self._world.api.patch(Deployment, "web", {"spec": spec}, namespace="default")

    async def do_ready(self, options: dict[str, str]) -> None:
        """One round of pods becoming ready; `image` limits it to those of one template."""
        image = options.get("image")
        pods = [one for one in self._world.pods() if image in (None, one["spec"]["containers"][0]["image"])]
        await self._world.set_ready(pods)

    async def do_ready_all(self, options: dict[str, str]) -> None:
        for _ in range(50):
            if not await self._world.set_ready():
                return
            await self._world.settle()

    async def do_wait(self, options: dict[str, str]) -> None:
        await self._world.settle(float(options["seconds"]))

    async def do_fail(self, options: dict[str, str]) -> None:
        """The next creations of pods are refused."""
        for _ in range(int(options["times"])):
            self._world.api.server.fail_next("create", "pods", ApiError("Forbidden", "exceeded quota"))

    async def do_show(self, options: dict[str, str]) -> None:
        """Only reports."""

    async def do_history(self, options: dict[str, str]) -> None:
        """Only reports."""

    def _show(self) -> list[str]:
        (web,) = self._world.api.server.store.trees(Deployment.RESOURCE)
        status = web.get("status", {})
        counts = " ".join(f"{name}={status.get(f'{name}Replicas', 0)}" for name in ("updated", "ready", "available"))
        lines = [f"deployment replicas={web['spec']['replicas']}/{status.get('replicas', 0)} {counts}"]
        for one in sorted(status.get("conditions", ()), key=lambda one: str(one["type"])):
            lines.append(f"  {one['type']}={one['status']} {one['reason']}: {one['message']}")
        for one in sorted(self._sets(), key=lambda one: one["metadata"]["uid"]):
            lines.append(f"  {one['metadata']['name']} {one['spec']['replicas']}/{one['status'].get('replicas', 0)}")
        return lines

    def _history(self) -> list[str]:
        prefix = "deployment.kubernetes.io/"
        sets = sorted(self._sets(), key=lambda one: int(one["metadata"]["annotations"][f"{prefix}revision"]))
        lines = []
        for one in sets:
            notes = one["metadata"]["annotations"]
            past = notes.get(f"{prefix}revision-history", "")
            line = f"revision {notes[f'{prefix}revision']} {one['metadata']['name']}"
            lines.append(f"{line} before: {past}" if past else line)
        return lines


def template(image: str) -> JSON:
    containers = [{"name": "main", "image": image}]
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}


def body(options: dict[str, str]) -> JSON:
    strategy: JSON = {"type": options.get("strategy", "RollingUpdate")}
    if strategy["type"] == "RollingUpdate":
        rolling = {name: options[name] for name in ("maxSurge", "maxUnavailable") if name in options}
        strategy["rollingUpdate"] = {name: int(value) if value.isdigit() else value for name, value in rolling.items()}
    spec = {
        "replicas": int(options.get("replicas", "1")),
        "selector": {"matchLabels": {"app": "web"}},
        "template": template(options["image"]),
        "strategy": strategy,
        "progressDeadlineSeconds": int(options.get("deadline", "600")),
        "revisionHistoryLimit": int(options.get("history", "10")),
    }
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}


async def run(path: Path, mode: Mode) -> None:
    async with controllers(replicaset.build, deployment.build) as world:
        await play(path, Stage(world).perform, mode)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.stem))
async def test_transcript(path: Path) -> None:
    await run(path, "check")


if __name__ == "__main__":
    for scenario in [Path(argument) for argument in sys.argv[1:]] or SCENARIOS:
        asyncio.run(run(scenario, "rewrite"))
