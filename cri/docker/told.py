"""The engine's traffic as those see it who listen to the runtime's: requests, long answers, events.

The SDK's requests are heard where they are answered, in its threads: what is told is what went over the socket, and
not what the runtime meant by it. With nobody listening that hook is one look at a variable.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from apimachinery.errors import ApiError
from wire import trace
from wire.capture import Message
from wire.rules import Subject
from wire.seams import Seams

CALLEE: Final = "Docker"
_ID: Final = re.compile(r"/containers/([0-9a-f]{12,64})(?:/|$)")
_OF_A_POD: Final = ("io.kubernetes.pod.namespace", "io.kubernetes.pod.name")

Owner = Callable[[str], Subject | None]
"""Whose a container is, by its id; None if that is not known."""

_heard: ContextVar[Callable[[Any, bool], None] | None] = ContextVar("heard", default=None)


def hook(response: Any, *_: Any, **how: Any) -> None:
    """For the SDK's session: called with each answer, in the thread that waits for it."""
    heard = _heard.get()
    if heard is not None:
        heard(response, bool(how.get("stream")))


class EngineTeller:
    """One engine's. `owner` is set once the records exist that know."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams
        self.owner: Owner = lambda _: None

    @property
    def active(self) -> bool:
        return self._seams.capture.active

    def listening(self) -> Context:
        """The context in which a call of the SDK is heard."""
        loop = asyncio.get_running_loop()

        def heard(response: Any, streamed: bool) -> None:
            payloads = _bodies(response, streamed=streamed) if self._seams.capture.bodies else (None, None)
            message = self._answered(response, streamed=streamed)
            try:
                loop.call_soon_threadsafe(self._seams.capture.offer, message, *payloads)
            except RuntimeError:
                return  # the process is going down, and the loop has gone before this thread

        context = copy_context()
        context.run(_heard.set, heard)
        return context

    def silent(self, name: str, began: float, error: ApiError) -> None:
        """A call that was never answered."""
        message = self._message(f"docker/{name}", Subject())
        message.seconds, message.status, message.failed = time.perf_counter() - began, error.reason, True
        self._seams.capture.offer(message)

    def opened(self, method: str, path: str, of: str, began: float, error: ApiError | None, *, upgrade: bool) -> None:
        """A long answer has begun, or was refused."""
        message = self._message(f"{method} {path}", self._subject(f"/containers/{of}" if of else path))
        message.seconds = time.perf_counter() - began
        message.status = str(error.code) if error else "101" if upgrade else "200"
        message.failed = error is not None
        self._seams.capture.offer(message)

    def event(self, event: Mapping[str, Any], line: bytes) -> None:
        """One of the engine's events about a container."""
        actor = event["Actor"]
        subject = _labelled(actor["Attributes"]) or Subject("Container", "", actor["ID"])
        message = self._message("GET /events", subject)
        message.detail, message.status, message.streamed = str(event["Action"]), "OK", True
        message.response_bytes, message.traceparent = len(line), ""
        self._seams.capture.offer(message, None, line)

    def _answered(self, response: Any, *, streamed: bool) -> Message:
        request = response.request
        parts = urlsplit(request.url)
        message = self._message(f"{request.method} {parts.path}", self._subject(parts.path, parts.query))
        message.request_bytes = len(request.body or b"")
        message.response_bytes = 0 if streamed else len(response.content)
        message.seconds = response.elapsed.total_seconds()
        message.status, message.failed = str(response.status_code), response.status_code >= 400
        return message

    def _message(self, method: str, subject: Subject) -> Message:
        return Message(
            component=self._seams.component,
            caller=self._seams.component,
            callee=CALLEE,
            method=method,
            **subject._asdict(),
            traceparent=trace.current(),
        )

    def _subject(self, path: str, query: str = "") -> Subject:
        found = _ID.search(path)
        if found:
            return self.owner(found[1]) or Subject("Container", "", found[1])
        return _named(parse_qs(query).get("name", [""])[0])


def _named(name: str) -> Subject:
    """Whose a container will be that gets this name: `k8s_POD_web-1_default_...`."""
    parts = name.split("_")
    return Subject("Pod", parts[3], parts[2]) if parts[0] == "k8s" and len(parts) >= 5 else Subject()


def _labelled(labels: Mapping[str, str]) -> Subject | None:
    namespace, name = (labels.get(one, "") for one in _OF_A_POD)
    return Subject("Pod", namespace, name) if name else None


def _bodies(response: Any, *, streamed: bool) -> tuple[bytes | None, bytes | None]:
    asked = response.request.body
    body = asked.encode() if isinstance(asked, str) else asked
    return body if isinstance(body, bytes) else None, None if streamed else _json(response.content)


def _json(content: bytes) -> bytes | None:
    """As it is, if it is JSON, else as a string of it."""
    if not content or content[:1] in b"[{":
        return content or None
    return msgspec.json.encode(content.decode(errors="replace"))
