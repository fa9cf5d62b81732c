"""Which cluster a command is about, and in which form it runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cli.config import orrery_home
from cli.errors import UserError
from cli.spec import DEFAULT_NAME, Paths

if TYPE_CHECKING:
    from cli.forms.cluster import Cluster

COMPOSE_NAME = "compose"  # of the cluster of docker-compose.yml; there can be one on a host
HOST_ONLY = {
    "up": "docker-compose up -d starts it",
    "down": "docker-compose down stops it",
    "supervise": "Docker itself watches over it",
}
"""Commands for clusters of host processes, and what to do with the other instead."""


def running(name: str) -> Cluster:
    """Raises UserError if it does not run."""
    from cli.forms import compose, host

    return compose.find() if name == COMPOSE_NAME else host.find(name)


def log_command(name: str, component: str, lines: int, *, follow: bool) -> list[str]:
    """What shows the end of a component's log."""
    from cli.forms import compose, host

    if name == COMPOSE_NAME:
        return compose.log_command(component, lines, follow=follow)
    return host.log_command(name, component, lines, follow=follow)


def meant(command: str, wanted: str | None) -> str:
    """The cluster's name. Without one: the default, or Compose's where that is the only one that runs; it says so."""
    if wanted == COMPOSE_NAME and command in HOST_ONLY and not _is_host_cluster(wanted):
        raise UserError(f"{COMPOSE_NAME} is the cluster of docker-compose.yml: {HOST_ONLY[command]}")
    if wanted is not None:
        return wanted
    if command in HOST_ONLY or _any_on_host() or not _under_compose():
        return DEFAULT_NAME
    print(f"(cluster {COMPOSE_NAME}, the only one that runs)", file=sys.stderr)
    return COMPOSE_NAME


def _is_host_cluster(name: str) -> bool:
    """One of an earlier version of ours may have the name."""
    return Paths.of(name).spec.exists()


def _any_on_host() -> bool:
    from cli.supervisor import read_state

    folder = orrery_home() / "clusters"
    names = [one.name for one in folder.iterdir()] if folder.exists() else []
    try:
        return any(read_state(Paths.of(name).state)[0] for name in names)
    except UserError:
        return True  # whoever asks for that very cluster is told


def _under_compose() -> bool:
    from cli.forms.compose import is_up

    return is_up()
