"""The Docker SDK, off the event loop: a bounded number of threads, a gate and a span for each call, one error model.

Long answers are read on the loop (`cri.docker.stream`); they are asked for here, too, so that all is told in one place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from apimachinery.errors import ApiError
from cri.docker.refusals import refusal, silent
from cri.docker.stream import EngineStream, open_stream
from cri.docker.told import EngineTeller, hook
from cri.limits import DOCKER_CALL_SECONDS, DOCKER_PULL_THREADS, DOCKER_THREADS
from wire.call_gate import pass_rpc_gate
from wire.doubling import carry_out
from wire.gates import Subject
from wire.seams import Seams
from wire.trace import sending

if TYPE_CHECKING:
    from docker.api.client import APIClient


class Engine:
    """One engine at `address` (`unix:///path` or `tcp://host:port`), which may come and go."""

    def __init__(self, address: str, seams: Seams) -> None:
        self.address = address
        self._seams = seams
        self._threads = ThreadPoolExecutor(DOCKER_THREADS, thread_name_prefix="docker")
        self._pulls = ThreadPoolExecutor(DOCKER_PULL_THREADS, thread_name_prefix="docker-pull")
        self._client: APIClient | None = None
        self.teller = EngineTeller(seams)

    async def call(self, name: str, function: Callable[[Any], Any], *, long: bool = False, subject: str = "") -> Any:
        """Run `function` with the SDK's low-level client (`APIClient`, whose typing is patchy).

        `name` is what gate and span call it; `long` is for pulls.

        Raises ApiError: what the engine answered, or ServiceUnavailable if it did not.
        """
        with self._seams.tracer.span(f"docker:{name}", subject=subject):
            verdict = await pass_rpc_gate(self._seams, f"docker:{name}", Subject(name=subject))
            return await carry_out(verdict, lambda: self._in_thread(name, function, long=long))

    async def _in_thread(self, name: str, function: Callable[[Any], Any], *, long: bool) -> Any:
        sending()
        await asyncio.sleep(0)  # what the engine does has a cause on record, also if this process is killed meanwhile
        threads = self._pulls if long else self._threads
        if self.teller.active:
            return await self._told(name, threads, function)
        return await asyncio.get_running_loop().run_in_executor(threads, self._run, function)

    async def _told(self, name: str, threads: ThreadPoolExecutor, function: Callable[[Any], Any]) -> Any:
        """The same, heard by those who listen."""
        began = time.perf_counter()
        run = self.teller.listening().run
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run, self._run, function)
        except ApiError as error:
            if error.reason == "ServiceUnavailable":
                self.teller.silent(name, began, error)
            raise

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        upgrade: bool = False,
        of: str = "",
    ) -> AsyncIterator[EngineStream]:
        """A long answer, read in the body of the `with`. `of` is the container's id where the path does not hold it.

        Raises ApiError as `call` does.
        """
        began, opened = time.perf_counter(), False
        try:
            async with open_stream(self.address, method, path, query, body, upgrade=upgrade) as stream:
                opened = True
                if self.teller.active:
                    self.teller.opened(method, path, of, began, None, upgrade=upgrade)
                yield stream
        except ApiError as error:
            if not opened and self.teller.active:
                self.teller.opened(method, path, of, began, error, upgrade=upgrade)
            raise

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
            self._client.hooks["response"].append(hook)
        return self._client


def _refusal(error: Any) -> ApiError:
    code = error.response.status_code if error.response is not None else 500
    return refusal(code, str(error.explanation or error))
