"""The form of docker-compose.yml: one container per component, kept by Docker's own restart policy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cli.debugging.near import did_you_mean
from cli.debugging.targets import is_frozen
from cli.errors import UserError
from cli.forms import containers, engine
from cli.forms.cluster import Cluster, Managed
from cli.forms.containers import Layout, Part
from cli.forms.finding import COMPOSE_NAME
from cli.running import is_alive
from cli.source.stand_in import StandIn, begin, end, log_of, read_stand_in
from cli.source.wanted import USUAL, Want, edit, is_python, read_wanted
from cli.spec import Paths
from cli.supervisor import DEBUGGED_STOP_SECONDS, ProcessState

CONTEXT = "orrery-compose"
SOURCES = "/orrery"  # where components have the repository
LAST_WORDS_LINES = 12


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
    laid = containers.layout(inspected)
    nodes = tuple(one.node for one in found if one.kind == "node")
    where = containers.addresses(found, laid)
    return ComposeCluster(
        COMPOSE_NAME, CONTEXT, "docker", Paths(laid.state, laid.seams), nodes, where, laid, tuple(found)
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
        return ComposeManaged(self, component, part.address, self, part)

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
    return ["docker", "logs", "--tail", str(lines), *(["--follow"] if follow else []), part.id]


def annotated(states: Sequence[ProcessState], paths: Paths) -> list[ProcessState]:
    """With what the files tell of who is wanted beyond the usual, who stands still and who stands in for whom."""
    wanted, standing = read_wanted(paths.wanted), read_standing(paths)
    found = []
    for one in states:
        want = wanted.get(one.name, USUAL)
        instead = read_stand_in(paths, one.name) if want.argv else None
        log = str(log_of(paths, one.name))
        found.append(told(one, want, instead, log, stands=one.name in standing))
    return found


def told(state: ProcessState, want: Want, instead: StandIn | None, log: str, *, stands: bool) -> ProcessState:
    """One that was stopped is stopped, whatever else was wanted of it."""
    note = want.note.format(state.name)
    if instead is not None:
        return ProcessState(state.name, state.port, log, instead.pid, instead.restarts, instead.started, note=note)
    if want.argv:  # who minded it was killed
        return replace(state, note=note)
    here = want.terminal != 0 and is_alive(want.terminal)
    if not here and (state.note or not want.debug_port):
        return state
    return replace(state, note=("stands still, and the cluster's clock with it; " if stands else "") + note)


# --- who stands still at a breakpoint, as `orrery watch` tells


def standing_file(paths: Paths) -> Path:
    return paths.root / "standing.json"


def write_standing(paths: Paths, standing: frozenset[str]) -> None:
    fresh = standing_file(paths).with_suffix(".new")
    fresh.write_text(json.dumps({"watcher": os.getpid(), "standing": sorted(standing)}))
    fresh.replace(standing_file(paths))


def read_standing(paths: Paths) -> frozenset[str]:
    """Empty if nobody watches."""
    try:
        tree = json.loads(standing_file(paths).read_text())
        return frozenset(tree["standing"]) if is_alive(int(tree["watcher"])) else frozenset()
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


@dataclass(frozen=True)
class ComposeManaged(Managed):
    """What is wanted is carried out here, by the engine. Whether it is down is what its container says."""

    compose: ComposeCluster
    part: Part

    @property
    def state(self) -> ProcessState:
        (found,) = annotated([self._now().state], self.paths)
        return found

    def _now(self) -> Part:
        (found,) = containers.parts(engine.inspect(self.part.id))
        return found

    @property
    def want(self) -> Want:
        return self._with_truth(read_wanted(self.paths.wanted))

    def _with_truth(self, wanted: Mapping[str, Want]) -> Want:
        want = wanted.get(self.name, USUAL)
        return want if want.argv else replace(want, down=self._now().stopped)

    @property
    def argv(self) -> Sequence[str]:
        return self.part.argv

    def foreground_argv(self, *, terminal: bool) -> Sequence[str]:
        (tree,) = engine.inspect(self.part.id)
        return containers.run_command(tree, self._foreground, terminal=terminal)

    @property
    def _foreground(self) -> str:
        """Name of the container that has its place in somebody's terminal."""
        return f"{self.part.container}-terminal"

    @property
    def listening(self) -> str:
        return self.part.host

    @property
    def sources(self) -> str:
        return SOURCES

    @property
    def source_root(self) -> Path:
        return Path(self.part.mounts[SOURCES])

    @property
    def stand_in_address(self) -> str:
        return f"{self.compose.laid.gateway}:{self.part.port}"

    @property
    def debugger_missing(self) -> str:
        if not self.state.pid or not is_python(self.argv):
            return ""  # told otherwise
        try:
            engine.docker("exec", self.part.id, "python3", "-c", "import debugpy")
        except UserError:
            return "debugpy is not in the components' image; make images, then docker-compose up -d --force-recreate"
        return ""

    def change(self, make: Callable[[Want], Want]) -> Want:
        with edit(self.paths.wanted) as wanted:
            before = self._with_truth(wanted)
            new = wanted[self.name] = make(before)
        self._carry_out(before, new)
        return new

    def _carry_out(self, before: Want, new: Want) -> None:
        if before.argv:
            end(self.paths, self.name)
        if before.terminal:  # it may have outlived its terminal
            engine.remove(self._foreground)
        if new.argv or new.absent:
            self._engine("stop", before)
        elif before.argv or before.absent:
            engine.docker("start", self.part.id)
        elif new != before:
            self._engine("restart", before)
        if new.argv and not new.absent:
            begin(self.cluster.name, self.paths, self.name)

    def _engine(self, verb: str, before: Want) -> None:
        """One that is frozen must go on to hear it; one at a breakpoint hears nothing."""
        pid = self._now().state.pid
        if pid and is_frozen(pid):
            os.kill(pid, signal.SIGCONT)
        patience = ["--time", f"{DEBUGGED_STOP_SECONDS:.0f}"] if before.under_debug else []
        engine.docker(verb, *patience, self.part.id)

    def watch_over(self) -> None:
        from cli.breakpoints.watching import start_watching

        start_watching(self.cluster)

    def kept(self) -> bool:
        return True

    def last_words(self) -> str:
        done = subprocess.run(
            ["docker", "logs", "--tail", str(LAST_WORDS_LINES), self.part.id],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout.rstrip()
