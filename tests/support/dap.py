"""A debugger, as small as can be: the Debug Adapter Protocol over a socket, as editors speak it to debugpy."""

from __future__ import annotations

import itertools
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 90.0

Tree = dict[str, Any]


class Debugger:
    """Attached to the process behind `port` within the body."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        self._file = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._going = False
        self._seen: list[Tree] = []  # what came while something else was waited for

    def __enter__(self) -> Self:
        self.ask("initialize", adapterID="debugpy", pathFormat="path", linesStartAt1=True)
        self._attaching = self._send("attach", justMyCode=False)
        self.event("initialized")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def break_at(self, file: Path, line: int) -> None:
        """Set the one breakpoint and go."""
        answer = self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        assert answer["body"]["breakpoints"][0]["verified"], answer
        self.go()

    def go(self) -> None:
        """Have it begin, if it waits for a debugger; once is enough."""
        if not self._going:
            self._going = True
            self.ask("configurationDone")
            self._answer(self._attaching)

    def clear(self, file: Path) -> None:
        self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=[])

    def stopped(self) -> int:
        """Wait until it stands at the breakpoint. Gives the thread."""
        return int(self.event("stopped")["body"]["threadId"])

    def go_on(self, thread: int) -> None:
        self.ask("continue", threadId=thread)

    def ask(self, command: str, **arguments: Any) -> Tree:
        return self._answer(self._send(command, **arguments))

    def event(self, name: str) -> Tree:
        return self._wait(lambda one: one["type"] == "event" and one["event"] == name)

    def _answer(self, number: int) -> Tree:
        answer = self._wait(lambda one: one["type"] == "response" and one["request_seq"] == number)
        assert answer["success"], answer
        return answer

    def _send(self, command: str, **arguments: Any) -> int:
        number = next(self._numbers)
        body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return number

    def _wait(self, wanted: Any) -> Tree:
        while True:
            for one in self._seen:
                if wanted(one):
                    self._seen.remove(one)
                    return one
            self._seen.append(self._read())

    def _read(self) -> Tree:
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the debugger's connection was closed"
        message: Tree = json.loads(self._file.read(length))
        return message
