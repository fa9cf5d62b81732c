"""The network namespace of this proxy's node, and commands run in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from apimachinery.patience import patience
from kube_proxy.backends.backend import BackendError
from kube_proxy.limits import COMMAND_SECONDS


class Namespace:
    """`netns_file` holds the path of the namespace (`/proc/1234/ns/net`) and is read anew each time, because the
    runtime writes another when it makes the node again. None is the namespace of this process."""

    def __init__(self, netns_file: Path | None) -> None:
        self._file = netns_file

    def path(self) -> Path:
        """Raises BackendError while there is none."""
        if self._file is None:
            return Path("/proc/self/ns/net")
        try:
            return Path(self._file.read_text().strip())
        except OSError as error:
            raise BackendError(f"the node's namespace is not known yet: {error}") from error

    def identity(self) -> str:
        """Tells one namespace from another, also when a process id is used again. Raises BackendError."""
        path = self.path()
        try:
            return f"{path}:{path.stat().st_ino}"
        except OSError as error:
            raise BackendError(f"the node's namespace is gone: {error}") from error

    async def run(self, *command: str, stdin: str = "") -> tuple[int, str]:
        """(exit code, output); a command that cannot be started raises BackendError."""
        enter = () if self._file is None else ("nsenter", f"--net={self.path()}", "--")
        try:
            process = await asyncio.create_subprocess_exec(
                *enter,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise BackendError(f"{command[0]}: {error}") from error
        try:
            async with patience(COMMAND_SECONDS):
                output, _ = await process.communicate(stdin.encode())
        except TimeoutError:
            raise BackendError(f"{command[0]}: no answer for {COMMAND_SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return process.returncode, output.decode(errors="replace").strip()
