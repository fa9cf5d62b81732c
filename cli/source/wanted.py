"""What is wanted of components beyond "runs, as ours": a small file that the supervisor reads when it is told to."""

from __future__ import annotations

import fcntl
import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cli.errors import UserError


@dataclass(frozen=True)
class Want:
    """For one component; the default is the usual."""

    down: bool = False
    """Kept down until it is started."""
    argv: tuple[str, ...] = ()
    """Somebody else's command in place of ours, with where it runs and what it is given."""
    cwd: str = ""
    env: dict[str, str] = field(default_factory=dict)
    debug_port: int = 0
    """Ours runs under debugpy, which listens here."""
    debug_host: str = "127.0.0.1"
    wait: bool = False
    """It does not begin before a debugger has attached."""
    terminal: int = 0
    """PID of the command that runs ours in its terminal, while we do not."""
    turn: int = 0
    """Counted up to have the process started anew."""

    @property
    def absent(self) -> bool:
        """Is it not for the supervisor to run?"""
        return self.down or self.terminal != 0

    @property
    def under_debug(self) -> bool:
        return not self.down and (self.debug_port != 0 or self.terminal != 0)

    @property
    def note(self) -> str:
        """What is not as usual, and the way out; `{}` stands for the component."""
        if self.down:
            return "stopped (orrery start {})"
        if self.terminal:
            return f"runs in a terminal (PID {self.terminal}) under debug"
        if self.debug_port:
            return f"under debug at {self.debug_host}:{self.debug_port} (orrery debug {{}} --off)"
        if self.argv:
            told = shlex.join(self.argv).replace("{", "{{").replace("}", "}}")
            return f"replaced by {told} (orrery swap {{}} --back)"
        return ""


USUAL = Want()
Wanted = dict[str, Want]


def command(ours: tuple[str, ...], want: Want) -> tuple[str, ...]:
    """What to start. `ours` is a Python interpreter with `-m MODULE FLAGS...`, unless it is no Python at all."""
    if want.argv:
        return want.argv
    if not want.debug_port:
        return ours
    listen = ("--listen", f"{want.debug_host}:{want.debug_port}", "--configure-subProcess", "false")
    waiting = ("--wait-for-client",) if want.wait else ()
    return (ours[0], "-Xfrozen_modules=off", "-m", "debugpy", *listen, *waiting, *ours[1:])


def is_python(argv: Sequence[str]) -> bool:
    """Can it run under debugpy?"""
    return len(argv) > 1 and Path(argv[0]).name.startswith("python") and argv[1] == "-m"


def read_wanted(path: Path) -> Wanted:
    """Raises UserError for a broken file."""
    try:
        trees = json.loads(path.read_bytes())["components"]
        return {name: Want(**{**tree, "argv": tuple(tree["argv"])}) for name, tree in trees.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is broken ({error!r}); remove it, then every component runs as usual") from None


@contextmanager
def edit(path: Path) -> Iterator[Wanted]:
    """Change what is wanted in the body; it is written afterwards, whole. One editor at a time."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = read_wanted(path)
        yield wanted
        trees = {name: asdict(want) for name, want in sorted(wanted.items()) if want != USUAL}
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"components": trees}, indent=1))
        fresh.replace(path)
