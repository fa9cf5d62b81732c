"""The seams compiled out: a component without gates, spans, trace contexts, capture and a clock of its own.

For `bench.seams` only. A process started with `ENVIRONMENT` runs the same source as any other, but every seam is taken
out of its syntax tree before it is compiled (`bench.stripping`), and what `wire` puts around calls is left off. Records
of decisions that `orrery why` reads are no seams, and stay.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.machinery
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bench.stripping import NO_SPAN, PASS, strip

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENT: Final = {"PYTHONPATH": f"{ROOT / 'bench' / 'without_seams'}:{ROOT}"}
PACKAGES: Final = ("client", "apiserver", "scheduler", "controller_manager", "kubelet", "cri", "kube_proxy", "dns")
LOAD: Final = "bench.load"
"""Stripped too: it stands for a component."""


def modules() -> Iterator[Path]:
    """Every module that seams are taken out of."""
    yield ROOT / f"{LOAD.replace('.', '/')}.py"
    for name in PACKAGES:
        yield from (ROOT / name).rglob("*.py")


def survey() -> tuple[int, int]:
    """How many seams are taken out, and of how many modules."""
    counts = [strip(path.read_bytes(), str(path))[1] for path in modules()]
    return sum(counts), sum(1 for one in counts if one)


class NoSpan:
    """What a `with tracer.span(...) as span` leaves behind."""

    attributes: Final[dict[str, str]] = {}
    traceparent = trace_id = span_id = parent_id = ""
    start = end = 0.0


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles without seams, and never from a cache."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        tree, _ = strip(self.get_data(path), path)
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        from wire.gates import Verdict

        module.__dict__.update({NO_SPAN: NoSpan(), PASS: Verdict.PASS})
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the components' modules, and changes `wire` and the command when they are there."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if name in _CHANGED:
            return self._changed(name, path)
        if name.split(".")[0] not in PACKAGES and name != LOAD:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec

    def _changed(self, name: str, path: Sequence[str] | None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        loader = spec.loader

        class Changing(importlib.machinery.SourceFileLoader):
            def exec_module(self, module: ModuleType) -> None:
                super().exec_module(module)
                _CHANGED[name](module)

        spec.loader = Changing(loader.name, loader.path)
        return spec


def install() -> None:
    """From now on modules are imported without their seams."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _bare_environment(module: Any) -> None:
    """Processes that the command starts have no seams, either."""
    plain: Callable[..., dict[str, str]] = module.child_environment
    module.child_environment = lambda *args: {**plain(*args), **ENVIRONMENT}


def bare_channels(module: Any) -> None:
    module.SeamedChannel = lambda inner, seams, peer: inner


def bare_servers(module: Any) -> None:
    """Refusals are told as ever; nothing else is done to a method."""
    from wire.incoming import SeamedServer, refusing, refusing_stream

    class Server(SeamedServer):
        def add_generic_rpc_handlers(self, handlers: Any) -> None:
            self._server.add_generic_rpc_handlers([_Refusing(one, self._seams.streams) for one in handlers])

    import grpc

    class _Refusing(grpc.GenericRpcHandler):
        def __init__(self, inner: Any, streams: Any) -> None:
            self._inner = inner
            self._streams = streams
            self._wrapped: dict[str, Any] = {}

        def service(self, handler_call_details: Any) -> Any:
            method = handler_call_details.method
            handler = self._wrapped.get(method)
            if handler is None and (found := self._inner.service(handler_call_details)) is not None:
                handler = self._wrapped[method] = self._wrap(found)
            return handler

        def _wrap(self, found: Any) -> Any:
            if found.request_streaming:
                return found
            if found.response_streaming:
                make: Any = grpc.unary_stream_rpc_method_handler
                behaviour = refusing_stream(found.unary_stream, self._streams)
            else:
                make, behaviour = grpc.unary_unary_rpc_method_handler, refusing(found.unary_unary)
            return make(behaviour, found.request_deserializer, found.response_serializer)

    module.SeamedServer = Server


def _bare_clock(module: Any) -> None:
    """Real time, straight from where it comes."""

    class Clock(module.Clock):  # type: ignore[misc]
        def time(self) -> float:
            return time.time()

        async def sleep(self, seconds: float, why: str = "") -> None:
            await asyncio.sleep(seconds)

        async def sleep_until(self, deadline: float, why: str = "") -> None:
            await asyncio.sleep(deadline - time.time())

        def timeout(self, seconds: float, why: str = "") -> AbstractAsyncContextManager[None]:
            return asyncio.timeout(seconds)  # type: ignore[return-value]

    module.load_clock = lambda path: Clock()


_CHANGED: Final[dict[str, Callable[[Any], None]]] = {
    "cli.config": _bare_environment,
    "wire.channel": bare_channels,
    "wire.server": bare_servers,
    "wire.seams": _bare_clock,
}
