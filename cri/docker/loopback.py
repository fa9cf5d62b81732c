"""A connection to a pod's own loopback interface: a socket made inside its network namespace.

A socket belongs to the namespace its maker was in, so a thread of ours steps in, connects and ends; its socket lives
on in the event loop. That needs root on the engine's host; elsewhere the pod's address must do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import Callable

_CLONE_NEWNET = 0x40000000
_CONNECT_SECONDS = 5.0
_LOOPBACKS = ("127.0.0.1", "::1")


def namespace_path(pid: int) -> str:
    return f"/proc/{pid}/ns/net"


def can_enter(pid: int) -> bool:
    return os.geteuid() == 0 and os.access(namespace_path(pid), os.R_OK)


async def connect_inside(pid: int, port: int) -> socket.socket:
    """Raises OSError if nobody listens, or the namespace is gone."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[socket.socket] = loop.create_future()

    def work() -> None:
        try:
            _enter(pid)
            tell(made.set_result, _connect(port))
        except OSError as error:
            tell(made.set_exception, error)

    def tell(setter: Callable[..., None], value: object) -> None:
        loop.call_soon_threadsafe(lambda: None if made.done() else setter(value))

    # Not a pooled thread: it could not find its way back if stepping out failed.
    threading.Thread(target=work, name=f"port-forward-{port}", daemon=True).start()
    return await made


def _enter(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace_path(pid), os.O_RDONLY)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _connect(port: int) -> socket.socket:
    refusals: list[OSError] = []
    for host in _LOOPBACKS:
        try:
            return socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
        except OSError as error:
            refusals.append(error)
    raise refusals[0]
