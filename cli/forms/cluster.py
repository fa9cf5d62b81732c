"""What a command needs of a running cluster and of one of its components, whichever form it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.debugging.near import did_you_mean
from cli.debugging.targets import Target, targets_of
from cli.errors import UserError
from cli.source.wanted import USUAL, Want, read_wanted
from cli.spec import Paths
from cli.supervisor import ProcessState

if TYPE_CHECKING:
    from cli.rest import Rest


@dataclass(frozen=True)
class Cluster(ABC):
    """One that runs."""

    name: str
    context: str
    """Of the kubeconfig."""
    runtime: str
    """`docker` or `sim`."""
    paths: Paths
    node_names: tuple[str, ...]
    addresses: Mapping[str, str]
    """host:port by who listens there, named as `cli.spec.port_names` does: `apiserver` is REST, for people."""

    @property
    def url(self) -> str:
        """Of the apiserver, as the kubeconfig has it."""
        return f"https://{self.addresses['apiserver']}"

    @property
    def targets(self) -> list[Target]:
        """Who serves Debug."""
        return targets_of(self.addresses, self.processes())

    def rest(self) -> Rest:
        from cli.rest import Rest

        host, _, port = self.addresses["apiserver"].rpartition(":")
        return Rest(int(port), self.paths.pki, host=host)

    def process(self, component: str) -> ProcessState:
        """Raises UserError, naming the near ones, if there is none of that name."""
        processes = self.processes()
        found = next((one for one in processes if one.name == component), None)
        if found is None:
            raise UserError(f"no component {component}{did_you_mean(component, [one.name for one in processes])}")
        return found

    @property
    @abstractmethod
    def keeper(self) -> str:
        """Who starts a component again that died, as people are told."""

    @property
    @abstractmethod
    def headline(self) -> str:
        """On one line."""

    @property
    @abstractmethod
    def kubeconfig(self) -> Path | None:
        """The cluster's own; None if it was merged into the user's."""

    @property
    @abstractmethod
    def direct_apiserver(self) -> str:
        """host:port where it sees the address that a client of this host calls from, with no proxy between."""

    @property
    @abstractmethod
    def etcd_folder(self) -> Path:
        """etcd's data directory, as this host sees it; beside what is in there, something may be put aside."""

    @abstractmethod
    def processes(self) -> list[ProcessState]:
        """As they are now."""

    @abstractmethod
    def manage(self, component: str) -> Managed:
        """Raises UserError if there is none of that name."""


@dataclass(frozen=True)
class Managed(ABC):
    """One component of a running cluster."""

    cluster: Cluster
    name: str
    address: str
    """Where its Debug service listens; etcd has none, and its own address stands here."""

    @property
    def paths(self) -> Paths:
        return self.cluster.paths

    @property
    def want(self) -> Want:
        return read_wanted(self.paths.wanted).get(self.name, USUAL)

    @property
    @abstractmethod
    def state(self) -> ProcessState:
        """As it is now."""

    @property
    @abstractmethod
    def argv(self) -> Sequence[str]:
        """Our own command, whatever is wanted in its place."""

    @abstractmethod
    def foreground_argv(self, *, terminal: bool) -> Sequence[str]:
        """A command that runs it in the foreground, on a terminal or without one, while its keeper does not."""

    @property
    @abstractmethod
    def listening(self) -> str:
        """The address at which a debugger of this host can reach it."""

    @property
    @abstractmethod
    def sources(self) -> str:
        """The repository, as the component sees it."""

    @property
    @abstractmethod
    def source_root(self) -> Path:
        """The repository that it runs from, on this host."""

    @property
    @abstractmethod
    def debugger_missing(self) -> str:
        """Why it cannot run under debugpy, and the way out; "" if it can."""

    @property
    @abstractmethod
    def stand_in_address(self) -> str:
        """host:port where a command of this host may serve in its place."""

    @abstractmethod
    def change(self, make: Callable[[Want], Want]) -> Want:
        """What is wanted of it from now on; its keeper carries it out. Gives that."""

    def renew(self) -> bool:
        """Have its process begin anew in place, if that is quicker than to start another. False: it is not."""
        return False

    @abstractmethod
    def kept(self) -> bool:
        """Is there anybody who would start it?"""

    @abstractmethod
    def last_words(self) -> str:
        """The end of its log."""
