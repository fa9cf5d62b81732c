"""The Docker SDK, off the event loop: a bounded number of threads, a gate and a span for each call, one error model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from apimachinery.errors import ApiError
from cri.limits import DOCKER_CALL_SECONDS, DOCKER_PULL_THREADS, DOCKER_THREADS
from wire.interceptors import pass_rpc_gate
from wire.seams import Seams

if TYPE_CHECKING:
    from docker.api.client import APIClient

_REASONS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 503: "ServiceUnavailable"}


class Engine:
    """One engine at `address` (`unix:///path` or `tcp://host:port`), which may come and go."""

    def __init__(self, address: str, seams: Seams) -> None:
        self.address = address
        self._seams = seams
        self._threads = ThreadPoolExecutor(DOCKER_THREADS, thread_name_prefix="docker")
        self._pulls = ThreadPoolExecutor(DOCKER_PULL_THREADS, thread_name_prefix="docker-pull")
        self._client: APIClient | None = None

    async def call(self, name: str, function: Callable[[Any], Any], *, long: bool = False, subject: str = "") -> Any:
        """Run `function` with the SDK's low-level client (`APIClient`, whose typing is patchy).

        `name` is what gate and span call it; `long` is for pulls.

        Raises ApiError: what the engine answered, or ServiceUnavailable if it did not.
        """
        with self._seams.tracer.span(f"docker:{name}", subject=subject):
            await pass_rpc_gate(self._seams, f"docker:{name}")
            threads = self._pulls if long else self._threads
            return await asyncio.get_running_loop().run_in_executor(threads, self._run, function)

    async def version(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("version", lambda api: api.version(api_version=False))
        return found

    def close(self) -> None:
        """Waits for nothing: calls under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pulls.shutdown(wait=False, cancel_futures=True)

    def _run(self, function: Callable[[Any], Any]) -> Any:
        import requests.exceptions
        from docker.errors import APIError, DockerException

        try:
            return function(self._connected())
        except APIError as error:
            raise _refusal(error) from None
        except requests.exceptions.RequestException as error:
            raise silent(error) from None
        except DockerException as error:
            if self._client is None:
                raise silent(error) from None
            raise ApiError("InternalError", str(error)) from None

    def _connected(self) -> APIClient:
        """The first call agrees on an API version, and so needs the engine."""
        if self._client is None:
            from docker.api.client import APIClient

            self._client = APIClient(
                base_url=self.address, version="auto", timeout=int(DOCKER_CALL_SECONDS), max_pool_size=DOCKER_THREADS
            )
        return self._client


def silent(error: object) -> ApiError:
    """The engine cannot be reached."""
    return ApiError("ServiceUnavailable", f"docker engine does not answer: {error}")


def _refusal(error: Any) -> ApiError:
    code = error.response.status_code if error.response is not None else 500
    return refusal(code, str(error.explanation or error))


def refusal(code: int, message: str) -> ApiError:
    """What the engine said no with."""
    return ApiError(_REASONS.get(code, "InternalError"), message)
