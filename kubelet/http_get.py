"""One plain HTTP GET, as probes and lifecycle hooks need it: no pool, no verification, bounded reading."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from api.container import Container, HTTPGetAction
from kubelet.limits import PROBE_BODY_BYTES, PROBE_REDIRECTS

USER_AGENT = "kube-probe/1.36"


class HttpFailed(Exception):
    """The request got no HTTP answer. The message says how far it came."""


class Answer(NamedTuple):
    status: int
    body: bytes
    location: str = ""


def resolve_port(port: int | str, container: Container) -> int:
    """A number, a number as text, or the name of one of the container's ports. Raises ValueError."""
    if isinstance(port, int) or port.isdigit():
        number = int(port)
    else:
        named = (one.container_port for one in container.ports if one.name == port)
        number = next(named, 0)
    if not 0 < number < 65536:
        raise ValueError(f"invalid port number: {port}")
    return number


def action_url(action: HTTPGetAction, container: Container, pod_ip: str) -> str:
    """Raises ValueError for a port that cannot be resolved."""
    host = action.host or pod_ip
    host = f"[{host}]" if ":" in host else host
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    return f"{action.scheme.lower()}://{host}:{resolve_port(action.port, container)}{path}"


async def get(url: str, headers: list[tuple[str, str]]) -> Answer:
    """Follows redirects on the same host only, as upstream's probes do. Raises HttpFailed."""
    host = urlsplit(url).hostname
    for _ in range(PROBE_REDIRECTS):
        answer = await _get_once(url, headers)
        if not (300 <= answer.status < 400 and answer.location):
            return answer
        target = urljoin(url, answer.location)
        if urlsplit(target).hostname != host:
            return answer
        url = target
    raise HttpFailed(f'Get "{url}": stopped after {PROBE_REDIRECTS} redirects')


async def _get_once(url: str, headers: list[tuple[str, str]]) -> Answer:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=_tls(parts.scheme))
    except OSError as error:
        words = f"dial tcp {parts.hostname}:{port}: connect: {_plain(error)}"
        raise HttpFailed(f'Get "{url}": {words}') from None
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(_request(target, parts.netloc, headers))
        await writer.drain()
        return await _read_answer(reader)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise HttpFailed(f'Get "{url}": {_plain(error)}') from None
    finally:
        writer.close()


def _request(target: str, host: str, headers: list[tuple[str, str]]) -> bytes:
    given = {name.lower() for name, _ in headers}
    defaults = [("Host", host), ("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Connection", "close")]
    lines = [*(pair for pair in defaults if pair[0].lower() not in given), *headers]
    text = f"GET {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    return text.encode("latin-1", "replace")


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if not words[0].startswith("HTTP/") or len(words) < 2 or not words[1].isdigit():
        raise ValueError(f'malformed HTTP response "{lines[0]}"')
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    length = fields.get("content-length", "")
    want = min(int(length), PROBE_BODY_BYTES) if length.isdigit() else PROBE_BODY_BYTES
    body = bytearray()
    while len(body) < want and (data := await reader.read(want - len(body))):
        body += data
    return Answer(int(words[1]), bytes(body), fields.get("location", ""))


def _tls(scheme: str) -> object:
    """Probes do not verify: the pod's certificate is the pod's business."""
    if scheme != "https":
        return None
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _plain(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, asyncio.IncompleteReadError):
        return "EOF"
    if isinstance(error, asyncio.LimitOverrunError):
        return "server response headers are too long"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
