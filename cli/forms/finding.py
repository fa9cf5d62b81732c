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
    """The cluster's name. Without one: the default, or another where that is the only one that runs; it says so."""
    if wanted == COMPOSE_NAME and command in HOST_ONLY and not _is_host_cluster(wanted):
        raise UserError(f"{COMPOSE_NAME} is the cluster of docker-compose.yml: {HOST_ONLY[command]}")
    if wanted is not None:
        return wanted
    only = DEFAULT_NAME if command in HOST_ONLY else _only_one()
    if only == DEFAULT_NAME or (command == "kubeconfig" and only != COMPOSE_NAME):  # that is kept: it must be asked for
        return DEFAULT_NAME
    print(f"(cluster {only}, the only one that runs)", file=sys.stderr)
    return only


def _is_host_cluster(name: str) -> bool:
    """One of an earlier version of ours may have the name."""
    return Paths.of(name).spec.exists()


def _only_one() -> str:
    """The cluster that runs while no other does; the default's name where there is none such."""
    there = _on_host()
    if DEFAULT_NAME in there or len(there) > 1:
        return DEFAULT_NAME
    compose = [COMPOSE_NAME] if _under_compose() else []
    found = [*there, *compose]
    return found[0] if len(found) == 1 else DEFAULT_NAME


def _on_host() -> list[str]:
    """The names of clusters of host processes that run."""
    from cli.supervisor import read_state

    folder = orrery_home() / "clusters"
    names = sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.exists() else []
    try:
        return [name for name in names if read_state(Paths.of(name).state)[0]]
    except UserError:
        return [DEFAULT_NAME]  # nobody knows what runs; whoever asks for that very cluster is told


def _under_compose() -> bool:
    from cli.forms.compose import is_up

    return is_up()
