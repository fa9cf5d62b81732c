"""The form of docker-compose.yml: one container per component, kept by Docker's own restart policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.forms import containers, engine
from cli.forms.cluster import Cluster
from cli.forms.container import ComposeManaged
from cli.forms.containers import Part
from cli.forms.finding import COMPOSE_NAME
from cli.forms.layout import Layout, addresses, layout
from cli.forms.notes import annotated
from cli.source.stand_in import log_of
from cli.source.wanted import USUAL, read_wanted
from cli.spec import Paths, full_name
from cli.supervisor import ProcessState


def is_up() -> bool:
    """Does a cluster run under Compose, however well? No, where no engine answers."""
    try:
        return bool(engine.compose_containers(running=True))
    except UserError:
        return False


def find() -> ComposeCluster:
    """Raises UserError if it does not run."""
    inspected = engine.inspect(*engine.compose_containers())
    found = containers.parts(inspected)
    if not any(one.state.pid for one in found):
        raise UserError(f"cluster {COMPOSE_NAME} does not run; docker-compose up -d starts it")
    laid = layout(inspected)
    nodes = tuple(one.node for one in found if one.kind == "node")
    where = addresses(found, laid)
    return ComposeCluster(
        COMPOSE_NAME, full_name(COMPOSE_NAME), "docker", Paths(laid.state, laid.seams), nodes, where, laid, tuple(found)
    )


@dataclass(frozen=True)
class ComposeCluster(Cluster):
    """`found` is how things stood when it was found; `processes` asks anew."""

    laid: Layout
    found: tuple[Part, ...]

    @property
    def keeper(self) -> str:
        return "Docker"

    @property
    def headline(self) -> str:
        return (
            f"cluster {self.name}: {self.url}, {len(self.node_names)} nodes, {self.runtime} runtime, "
            f"under Compose (project {self.laid.project}, state in {self.laid.state})"
        )

    @property
    def kubeconfig(self) -> Path | None:
        return self.laid.state / "kubeconfig"

    @property
    def direct_apiserver(self) -> str:
        return self.laid.direct

    @property
    def etcd_folder(self) -> Path:
        return self.laid.etcd

    def processes(self) -> list[ProcessState]:
        found = containers.parts(engine.inspect(*[one.id for one in self.found]))
        return annotated([one.state for one in found], self.paths)

    def manage(self, component: str) -> ComposeManaged:
        part = self.part(component)
        return ComposeManaged(self, component, part.address, part, self.laid.gateway)

    def part(self, component: str) -> Part:
        found = next((one for one in self.found if one.component == component), None)
        if found is None:
            names = [one.component for one in self.found]
            raise UserError(f"no component {component}{did_you_mean(component, names)}")
        return found


def log_command(component: str, lines: int, *, follow: bool) -> list[str]:
    """What shows the end of a component's log."""
    cluster = find()
    part = cluster.part(component)
    if read_wanted(cluster.paths.wanted).get(component, USUAL).argv:
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), str(log_of(cluster.paths, component))]
    docker = ["docker", "logs", "--tail", str(lines), *(["--follow"] if follow else []), part.id]
    return ["sh", "-c", 'exec "$@" 2>&1', "sh", *docker]  # components log to stderr; a log is to be read as one
