"""Does a Docker engine answer? Prints one JSON object: `ok`, `detail` for people, and `networks`, subnets by name.

A process of its own, so that the command that asks needs to know no Docker. It speaks the Engine API's `/version`
itself, because importing the SDK would take longer than the question.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from typing import Any, NamedTuple

from cri.config import default_docker_host

TIMEOUT_SECONDS = 5.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(self._path)


class Answer(NamedTuple):
    """What an engine says, or why none does."""

    ok: bool
    detail: str
    networks: dict[str, list[str]]


def probe(path: str) -> Answer:
    """Ask at the socket `path`."""
    connection = _UnixConnection(path)
    try:
        version = _get(connection, "/version").get("Version", "of unknown version")
        networks = {one["Name"]: _subnets(one) for one in _get(connection, "/networks")}
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(False, f"no Docker engine answers at {path} ({error})", {})
    finally:
        connection.close()
    return Answer(True, f"Docker engine {version} answers", networks)


def usable(answer: Answer, user: int) -> Answer:
    """Nodes are namespaces with rules of their own, which nobody but root may enter, whoever may use the engine."""
    if not answer.ok or user == 0:
        return answer
    return Answer(False, f"{answer.detail}, but only root may enter its containers' namespaces", {})


def _get(connection: http.client.HTTPConnection, path: str) -> Any:
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def _subnets(network: dict[str, Any]) -> list[str]:
    pools = (network.get("IPAM") or {}).get("Config") or []
    return [one["Subnet"] for one in pools if one.get("Subnet")]


def main() -> None:
    host = default_docker_host()
    if host.startswith("unix://"):
        answer = usable(probe(host.removeprefix("unix://")), os.geteuid())
    else:
        why = f"DOCKER_HOST is {host}; only an engine of this host, on a unix socket, can be used"
        answer = Answer(False, why, {})
    json.dump(answer._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
