"""Evidence from nodes: what their runtimes say over the CRI, what is seen inside a container, what the engine knows."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any, Final, Protocol

from cli.errors import UserError
from cli.lab.evidence import JSON

SECONDS: Final = 20  # that a look into a container may take
ITEMS: Final = {"ListPodSandbox": "items", "ListContainers": "containers"}


class Nodes(Protocol):
    """What checks may look at on nodes."""

    def cri(self, node: str, method: str) -> list[JSON]:
        """What a method of ITEMS lists there; a container has its `sandbox` too."""

    def inside(self, node: str, pod: str, container: str, command: list[str]) -> str:
        """What a command says in a container of the lab's namespace; "" where it cannot be run."""

    def engine(self, pod: str) -> JSON:
        """What `docker inspect` says of a pod's sandbox; {} without one."""


class ClusterNodes:
    """Of the cluster `name`, as seen from a lab's namespace."""

    def __init__(self, name: str, namespace: str) -> None:
        self._name = name
        self._namespace = namespace

    def cri(self, node: str, method: str) -> list[JSON]:
        """A node without a runtime that answers lists nothing; the check says that nothing was found."""
        sandboxes = self._list(node, "ListPodSandbox")
        if method == "ListPodSandbox":
            return sandboxes
        by_id = {one["id"]: one for one in sandboxes}
        return [{**one, "sandbox": by_id.get(one["podSandboxId"], {})} for one in self._list(node, method)]

    def _list(self, node: str, method: str) -> list[JSON]:
        found: list[JSON] = self._ask(node, method, {}).get(ITEMS[method], [])
        return found

    def _ask(self, node: str, method: str, request: JSON) -> JSON:
        from cli.cri.calling import ask, socket_of

        try:
            return ask(socket_of(self._name, node), method, request)
        except UserError:
            return {}

    def inside(self, node: str, pod: str, container: str, command: list[str]) -> str:
        """By the runtime alone: the kubelet may be frozen."""
        wanted = (container, pod, self._namespace)
        for one in self.cri(node, "ListContainers"):
            of = one["sandbox"].get("metadata", {})
            if (one["metadata"]["name"], of.get("name"), of.get("namespace")) == wanted and _runs(one):
                answer = self._ask(node, "ExecSync", {"containerId": one["id"], "cmd": command, "timeout": SECONDS})
                return base64.b64decode(answer.get("stdout", "")).decode(errors="replace").strip()
        return ""

    def engine(self, pod: str) -> JSON:
        labels = {"orrery.cluster": self._name, "orrery.kind": "sandbox", "io.kubernetes.pod.name": pod}
        labels["io.kubernetes.pod.namespace"] = self._namespace
        wanted = [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]
        ids = _output(["docker", "ps", "--no-trunc", "-q", *wanted]).split()
        found: list[Any] = json.loads(_output(["docker", "inspect", ids[0]]) or "[]") if ids else []
        return found[0] if found else {}


def _runs(container: JSON) -> bool:
    return bool(container["state"] == "CONTAINER_RUNNING")


def _output(command: list[str]) -> str:
    """ "" for a command that fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
