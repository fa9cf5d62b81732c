"""On which port each kind of component waits for a debugger: fixed, so that `.vscode/launch.json` can name them."""

from __future__ import annotations

import socket

from cli.debugging.targets import LOCAL
from cli.errors import UserError

PORTS = {
    "apiserver": 5671,
    "scheduler": 5672,
    "controller-manager": 5673,
    "kubelet": 5674,
    "runtime": 5675,
    "kube-proxy": 5676,
    "dns": 5677,
}


def require_port(port: int) -> int:
    """The same. Raises UserError if it can be none."""
    if not 0 < port < 1 << 16:
        raise UserError(f"--port {port}: must be 1 to {(1 << 16) - 1}")
    return port


def port_for(component: str, wanted: int, host: str = LOCAL) -> int:
    """The one asked for, else its kind's. Raises UserError if it is taken; of a container we cannot know."""
    kind = next((kind for kind in PORTS if component == kind or component.startswith(f"{kind}-")), "")
    port = wanted or PORTS[kind]
    if host != LOCAL:
        return port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCAL, port))
        except OSError as error:
            raise UserError(f"port {port} for the debugger: {error.strerror}; say another: --port") from None
    return port
