"""Does a Docker engine answer? Prints one JSON object: `ok`, and `detail` for people.

A process of its own, so that the command that asks needs to know no Docker. It speaks the Engine API's `/version`
itself, because importing the SDK would take longer than the question.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys

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


def probe(path: str) -> tuple[bool, str]:
    """Whether an engine answers at the socket `path`, and what it says or why not."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, f"no Docker engine answers at {path} ({error})"
    finally:
        connection.close()
    return True, f"Docker engine {answer.get('Version', 'of unknown version')} answers"


def main() -> None:
    host = default_docker_host()
    if host.startswith("unix://"):
        ok, detail = probe(host.removeprefix("unix://"))
    else:
        ok, detail = False, f"DOCKER_HOST is {host}; only an engine of this host, on a unix socket, can be used"
    json.dump({"ok": ok, "detail": detail}, sys.stdout)


if __name__ == "__main__":
    main()
