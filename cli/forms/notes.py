"""What is not as usual with containers: told by files that those who see to it leave."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cli.running import is_alive
from cli.source.stand_in import StandIn, log_of, read_stand_in
from cli.source.wanted import USUAL, Want, read_wanted
from cli.spec import Paths
from cli.supervisor import ProcessState


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
