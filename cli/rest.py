"""The few requests the command makes of the apiserver, over HTTPS with the admin's certificate."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apimachinery.errors import ApiError, from_status

JSON = dict[str, Any]


class Rest:
    """A tiny synchronous client. Raises ApiError for a refusal, OSError where nobody answers."""

    def __init__(self, port: int, pki: Path, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def call(self, method: str, path: str, body: JSON | None = None, content_type: str = "application/json") -> JSON:
        payload = json.dumps(body) if body is not None else None
        status, text = self._send(method, path, payload, {"Content-Type": content_type, "Accept": "application/json"})
        return _decoded(method, path, status, text)

    def text(self, path: str) -> str:
        """An answer that is no JSON, such as a log."""
        status, text = self._send("GET", path)
        if status >= 400:
            _decoded("GET", path, status, text)
        return text.decode(errors="replace")

    def _send(
        self, method: str, path: str, payload: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=5)
        try:
            connection.request(method, path, payload, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def watch(self, path: str) -> Iterator[JSON]:
        """Events as they come, until the server ends it or nothing came for a while; then OSError."""
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=5)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            if response.status >= 400:
                _decoded("GET", path, response.status, response.read())
            while line := response.readline():
                yield json.loads(line)
        except http.client.HTTPException as error:
            raise OSError(f"GET {path}: {error!r}") from error
        finally:
            connection.close()


def _decoded(method: str, path: str, status: int, text: bytes) -> JSON:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if status >= 400:
        raise from_status(answer) if isinstance(answer, dict) else ApiError("InternalError", text.decode(), code=status)
    if not isinstance(answer, dict):
        raise OSError(f"{method} {path}: the answer is no JSON object")
    return answer
