"""The file systems of the node's machine: where volumes are mounted and host paths are found.

A kubelet that runs in a container has its own mount namespace, in which a mount of its own stays unseen by the engine
and the machine's paths are not there. One thread of it then lives in the machine's namespace, and does there what has
to do with those.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_CLONE_NEWNS = 0x00020000
_CLONE_FS = 0x00000200
_libc = ctypes.CDLL(None, use_errno=True)


class HostFiles:
    """`namespace` is a path such as `/proc/123/ns/mnt`; empty: this process is in it already."""

    def __init__(self, namespace: str = "") -> None:
        """Raises OSError if it cannot be entered."""
        self._thread: ThreadPoolExecutor | None = None
        if namespace:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="host-files")
            self._thread.submit(_enter, namespace).result()

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it there, and wait: it is quick. `function` must import nothing, for it would look in the wrong place."""
        if self._thread is None:
            return function(*args, **kwargs)
        return self._thread.submit(function, *args, **kwargs).result()


def _enter(namespace: str) -> None:
    """The calling thread parts from its siblings' root and working directory, which the kernel asks for, and goes."""
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        _check(_libc.unshare(_CLONE_FS), namespace)
        _check(_libc.setns(descriptor, _CLONE_NEWNS), namespace)
    finally:
        os.close(descriptor)


def mount_tmpfs(directory: Path, options: str) -> None:
    """Raises OSError."""
    _check(_libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, options.encode()), str(directory))


def unmount(directory: Path) -> None:
    """Raises OSError."""
    _check(_libc.umount2(os.fsencode(directory), 0), str(directory))


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
