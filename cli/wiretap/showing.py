"""One message on one line, and what is asked for below it."""

from __future__ import annotations

import json
import re
import time
from typing import Final

from proto.debug_pb2 import WireMessage

INDENT: Final = " " * 14
BODY_CHARS: Final = 4000
_ID: Final = re.compile(r"\b[0-9a-f]{64}\b")  # of a container
ID_CHARS: Final = 13


def line(message: WireMessage) -> str:
    """`12:00:00.123  scheduler -> apiserver  Api/WriteMany CREATE binding  pods default/web-1  300 B / 1.1 KB ...`"""
    columns = [clock(message.time), _ends(message), _method(message), _object(message), _sizes(message)]
    columns += [_seconds(message.seconds), message.status if not message.failed else f"!{message.status}"]
    return "  ".join(one for one in columns if one)


def lost(message: WireMessage) -> str:
    return f"--- {message.lost} messages lost here: {message.component or 'a component'} had more than could be sent"


def below(request: bytes, response: bytes) -> list[str]:
    """Bodies, request first."""
    return [*_body("> ", request), *_body("< ", response)]


def clock(seconds: float) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{int(seconds % 1 * 1000):03d}"


def size(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def _ends(message: WireMessage) -> str:
    return f"{message.caller} {'<-' if message.streamed else '->'} {message.callee}"


def _method(message: WireMessage) -> str:
    name = message.method
    if name.startswith("/"):
        name = name.rpartition(".")[2]
    elif " " in name and not message.streamed:
        return _ID.sub(_shortened, name)  # of HTTP: the verb says it already
    return f"{_ID.sub(_shortened, name)} {message.detail}".rstrip()


def _shortened(found: re.Match[str]) -> str:
    return found[0][:ID_CHARS]


def _object(message: WireMessage) -> str:
    path = "/".join(one for one in (message.namespace, message.name) if one)
    if len(message.name) == 64 and not message.namespace:
        path = message.name[:ID_CHARS]  # an id of a container
    told = f"{message.kind} {path}".strip()
    return f"{told} @{message.revision}" if told and message.revision else told


def _sizes(message: WireMessage) -> str:
    if message.streamed:
        return size(message.response_bytes)
    return f"{size(message.request_bytes)} / {size(message.response_bytes)}"


def _seconds(seconds: float) -> str:
    if not seconds:
        return ""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _body(sign: str, raw: bytes) -> list[str]:
    if not raw:
        return []
    try:
        tree = json.loads(raw)
        text = tree if isinstance(tree, str) else json.dumps(tree, indent=1, ensure_ascii=False)
    except ValueError:
        text = raw.decode(errors="replace")
    if len(text) > BODY_CHARS:
        text = f"{text[:BODY_CHARS]}\n... {len(text) - BODY_CHARS} more characters; --json and --record have them all"
    return [f"{INDENT}{sign}{one}" for one in text.splitlines()]
