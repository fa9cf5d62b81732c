"""`/healthz`, `/livez` and `/readyz`: one word for machines, one line per check with `?verbose`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from apiserver.http.message import HttpRequest, Response, plain

Check = Callable[[], Awaitable[None]]
"""Raises an exception whose text says what is wrong."""

ENDPOINTS: Final = ("healthz", "livez", "readyz")


async def _ping() -> None:
    """That it answers at all is the check."""


class Health:
    """`checks` run for all three endpoints, `readiness` for `/readyz` alone."""

    def __init__(self, checks: Mapping[str, Check], readiness: Mapping[str, Check]) -> None:
        self._live: dict[str, Check] = {"ping": _ping, **checks}
        self._ready: dict[str, Check] = {**self._live, **readiness}

    async def answer(self, request: HttpRequest, endpoint: str, one: str = "") -> Response | None:
        """All checks, or one of them (`/readyz/etcd`); None if there is no such check."""
        checks = self._ready if endpoint == "readyz" else self._live
        if one:
            if one not in checks:
                return None
            checks = {one: checks[one]}
        excluded = set(request.query.get("exclude", ()))
        results = {name: await _run(check) for name, check in checks.items() if name not in excluded}
        failed = any(results.values())
        if not failed and "verbose" not in request.query:
            return plain(200, "ok")
        lines = [_line(name, problem) for name, problem in results.items()]
        lines += [f"[+]{name} excluded: ok" for name in checks if name in excluded]
        lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
        return plain(500 if failed else 200, "\n".join(lines) + "\n")


async def _run(check: Check) -> str:
    """What is wrong, "" if nothing."""
    try:
        await check()
    except Exception as error:  # noqa: BLE001  a check may fail in any way; the failure is the answer
        return str(error) or type(error).__name__
    return ""


def _line(name: str, problem: str) -> str:
    return f"[-]{name} failed: {problem}" if problem else f"[+]{name} ok"
