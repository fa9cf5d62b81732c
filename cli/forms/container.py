"""One component in a container: stopped, started and restarted by the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cli.debugging.targets import is_frozen
from cli.errors import UserError
from cli.forms import containers, engine
from cli.forms.cluster import Managed
from cli.forms.containers import Part
from cli.forms.notes import annotated
from cli.source.stand_in import begin, end
from cli.source.wanted import USUAL, Want, edit, is_python, read_wanted
from cli.supervisor import DEBUGGED_STOP_SECONDS, ROOT, ProcessState

SOURCES = "/orrery"  # where components have the repository
LAST_WORDS_LINES = 12


@dataclass(frozen=True)
class ComposeManaged(Managed):
    """What is wanted is carried out here, by the engine. Whether it is down is what its container says."""

    part: Part
    gateway: str
    """This host's address on the cluster's network."""

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
        return Path(self.part.mounts.get(SOURCES, ROOT))

    @property
    def stand_in_address(self) -> str:
        return f"{self.gateway}:{self.part.port}"

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
        if new.under_debug:
            from cli.breakpoints.watching import start_watching

            start_watching(self.cluster)  # before it starts: that takes its time under a debugger
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
            engine.docker("kill", "--signal=CONT", self.part.id)
        patience = ["--time", f"{DEBUGGED_STOP_SECONDS:.0f}"] if before.under_debug else []
        engine.docker(verb, *patience, self.part.id)

    def renew(self) -> bool:
        """The engine takes longer over a container than a component needs to start (`wire.process`, SIGUSR1)."""
        want, pid = self.want, self.state.pid
        usual = not (want.argv or want.absent or want.under_debug)
        if not (pid and usual and is_python(self.argv)) or is_frozen(pid):
            return False
        try:
            engine.docker("kill", "--signal=USR1", self.part.id)
        except UserError:  # it has just ended: the engine starts it
            return False
        return True

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
