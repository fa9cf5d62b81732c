"""Evidence about a hidden fault: what was drawn, whether it is still there, and who began anew."""

from __future__ import annotations

from typing import Protocol

from cli.forms.finding import running
from cli.lab.broken import hiding
from cli.lab.broken.table import Broken, drawn
from cli.lab.workspace import Start


class Riddle(Protocol):
    """What checks may look at."""

    broken: Broken

    def in_force(self) -> list[str]:
        """Components in which something is still broken."""

    def restarted(self) -> list[str]:
        """Components that began anew since the lab was started."""


class ClusterRiddle:
    """Of the cluster `name`, as drawn at the start."""

    def __init__(self, name: str, start: Start) -> None:
        self._name = name
        self._start = start
        cluster = running(name)
        self._processes = cluster.processes()
        self.broken = drawn(start.seed, cluster.node_names)

    def in_force(self) -> list[str]:
        return hiding.in_force(self._name)

    def restarted(self) -> list[str]:
        return [one.name for one in self._processes if one.restarts > self._start.restarts.get(one.name, 0)]
