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
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=5)
        try:
            payload = json.dumps(body) if body is not None else None
            connection.request(method, path, payload, {"Content-Type": content_type, "Accept": "application/json"})
            response = connection.getresponse()
            text = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        return _decoded(method, path, response.status, text)

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
