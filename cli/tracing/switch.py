"""`orrery tracing`: whether components keep spans. A file beside the clock, which all of them look at every second."""

from __future__ import annotations

import json
import time

from cli.errors import UserError
from cli.forms.finding import running
from cli.spec import Paths
from wire.limits import FOLLOW_SECONDS
from wire.seams import TRACING_FILE, read_tracing

MARGIN_SECONDS = 0.2  # that a look may come late
OFF = "tracing is off: orrery tracing on"


def show(name: str) -> str:
    """Raises UserError if the cluster does not run."""
    return "tracing is on" if read_tracing(running(name).paths.tracing) else OFF


def switch(name: str, *, on: bool) -> str:
    """Returns when all components that are not frozen have looked. Raises UserError if the cluster does not run."""
    paths = running(name).paths
    assert paths.tracing.name == TRACING_FILE  # where components look for it
    fresh = paths.tracing.with_suffix(".new")
    fresh.write_text(json.dumps({"on": on}))
    fresh.replace(paths.tracing)
    time.sleep(FOLLOW_SECONDS + MARGIN_SECONDS)
    if on:
        return "tracing is on: what begins from now on leaves spans"
    return "tracing is off: nothing leaves spans any more; those there are stay"


def require(paths: Paths) -> None:
    """Raises UserError while tracing is off."""
    if not read_tracing(paths.tracing):
        raise UserError(OFF)
