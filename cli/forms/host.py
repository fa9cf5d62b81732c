"""The form of host processes: one PID each under a supervisor, found by the files that it keeps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import spec as specs
from cli.components import components, find_etcd
from cli.config import orrery_home
from cli.debugging.near import did_you_mean
from cli.debugging.targets import LOCAL
from cli.errors import UserError
from cli.forms.cluster import Cluster, Managed
from cli.last_words import last_words
from cli.running import is_alive
from cli.source.wanted import USUAL, Want, edit
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ROOT, ProcessState, read_state


def find(name: str) -> HostCluster:
    """Raises UserError if it does not run."""
    spec, paths = specs.load(name), Paths.of(name)
    supervisor, _ = read_state(paths.state)
    if spec is None or not supervisor:
        raise UserError(f"cluster {name} does not run; orrery up --name {name} starts it{_others()}")
    addresses = {one: f"{LOCAL}:{port}" for one, port in spec.ports.items()}
    return HostCluster(name, spec.context, spec.runtime, paths, tuple(spec.node_names), addresses, spec, supervisor)


def _others() -> str:
    """The end of a sentence: which clusters run, for one may have been meant."""
    folder = orrery_home() / "clusters"
    names = sorted(one.name for one in folder.iterdir()) if folder.exists() else []
    there = [one for one in names if _runs(one)]
    return f"; running: {', '.join(there)} (--name {there[0]})" if there else ""


def _runs(name: str) -> bool:
    try:
        return bool(read_state(Paths.of(name).state)[0])
    except UserError:
        return False  # whoever asks for that very cluster is told


@dataclass(frozen=True)
class HostCluster(Cluster):
    """`supervisor` is its PID."""

    spec: ClusterSpec
    supervisor: int

    @property
    def keeper(self) -> str:
        return "the supervisor"

    @property
    def headline(self) -> str:
        from cli.status import headline

        return headline(self.spec)

    @property
    def kubeconfig(self) -> Path | None:
        return None

    @property
    def direct_apiserver(self) -> str:
        return self.addresses["apiserver"]

    @property
    def etcd_folder(self) -> Path:
        return self.paths.etcd

    def processes(self) -> list[ProcessState]:
        return read_state(self.paths.state)[1]

    def manage(self, component: str) -> Managed:
        found = self.process(component)
        addresses = {one.component: one.address for one in self.targets}
        return HostManaged(self, component, addresses.get(component, f"{LOCAL}:{found.port}"), self)


def log_command(name: str, component: str, lines: int, *, follow: bool) -> list[str]:
    """What shows the end of a component's log, of a cluster that has ended, too."""
    _, processes = read_state(Paths.of(name).state)
    found = next((one for one in processes if one.name == component), None)
    if found is None:
        if not processes:
            raise UserError(f"no log of {component}: cluster {name} does not run{_others()}")
        raise UserError(f"no component {component}{did_you_mean(component, [one.name for one in processes])}")
    return ["tail", "-n", str(lines), *(["-F"] if follow else []), found.log]


@dataclass(frozen=True)
class HostManaged(Managed):
    """What is wanted stands in a file; the supervisor is told to look."""

    host: HostCluster

    @property
    def state(self) -> ProcessState:
        return next(one for one in self.cluster.processes() if one.name == self.name)

    @property
    def argv(self) -> Sequence[str]:
        every = components(self.host.spec, self.paths, find_etcd() or "etcd")
        return next(component.argv for component in every if component.name == self.name)

    def foreground_argv(self, *, terminal: bool) -> Sequence[str]:
        return self.argv

    @property
    def listening(self) -> str:
        return LOCAL

    @property
    def sources(self) -> str:
        return str(ROOT)

    @property
    def source_root(self) -> Path:
        return ROOT

    @property
    def debugger_missing(self) -> str:
        from importlib.util import find_spec

        if find_spec("debugpy") is not None:
            return ""
        return "debugpy is not installed: pip install debugpy, or orrery debug COMPONENT --terminal"

    @property
    def stand_in_address(self) -> str:
        return self.address

    def change(self, make: Callable[[Want], Want]) -> Want:
        with edit(self.paths.wanted) as wanted:
            new = wanted[self.name] = make(wanted.get(self.name, USUAL))
        os.kill(self.host.supervisor, signal.SIGHUP)
        return new

    def kept(self) -> bool:
        return is_alive(self.host.supervisor)

    def last_words(self) -> str:
        return last_words(Path(self.state.log))
