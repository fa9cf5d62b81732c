"""Streams of frames (exec, attach, port-forward), told frame by frame to those who listen to a component's traffic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from wire import trace
from wire.capture import Message
from wire.masking import Spoken
from wire.rules import Subject
from wire.seams import Seams
from wire.streams.channels import Channel, exit_code

_DETAIL_CHARS: Final = 120  # of a command
_CHANNELS: Final = {
    Channel.STDIN: "STDIN",
    Channel.STDOUT: "STDOUT",
    Channel.STDERR: "STDERR",
    Channel.ERROR: "STATUS",
    Channel.RESIZE: "RESIZE",
}


class TappedCall:
    """A call with streams of frames both ways, told frame by frame to those who listen. It does what `call` does."""

    def __init__(self, call: Any, seams: Seams, method: str, peer: str, subject: Subject) -> None:
        self._call = call
        self._seams = seams
        self._about = {"method": method, "callee": peer, **subject._asdict()}
        self._traceparent = trace.current()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    async def write(self, frame: Any) -> None:
        await self._call.write(frame)
        if self._seams.capture.active:
            self._tell(frame, streamed=False)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for frame in self._call:
            if self._seams.capture.active:
                self._tell(frame, streamed=True)
            yield frame

    def _tell(self, frame: Any, *, streamed: bool) -> None:
        component = self._seams.component
        message = Message(component=component, caller=component, traceparent=self._traceparent, **self._about)
        message.detail, message.streamed, message.status = self._part(frame), streamed, "OK"
        payload: Any = frame.start if frame.HasField("start") else Spoken(frame.data)
        if frame.channel == Channel.ERROR and frame.data:
            payload = frame.data
            message.status = _outcome(frame.data)
            message.failed = message.status not in ("OK", "exit 0")
        field = "response_bytes" if streamed else "request_bytes"
        setattr(message, field, len(frame.data) or frame.ByteSize())
        self._seams.capture.offer(message, *((None, payload) if streamed else (payload, None)))

    def _part(self, frame: Any) -> str:
        """Which of the streams within the stream. A connection to a port is one stream both ways."""
        if frame.HasField("start"):
            return " ".join(["START", *frame.start.command])[:_DETAIL_CHARS]
        one_way = not self._about["method"].endswith("PortForward") or frame.channel == Channel.ERROR
        word = _CHANNELS.get(frame.channel, "DATA") if one_way else "DATA"
        return word + (" END" if frame.close and not frame.data else "")


def _outcome(status: bytes) -> str:
    """How a command ended; what a port's error channel says is no Status."""
    code = exit_code(status)
    return f"exit {code}" if code is not None else "Error"
