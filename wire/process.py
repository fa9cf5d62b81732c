"""What every `__main__` does the same way: flags from a config dataclass, logging, signals, one event loop."""

from __future__ import annotations

import argparse
import ast
import asyncio
import atexit
import dataclasses
import gc
import inspect
import logging
import os
import signal
import sys
import time
import types
import typing
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

C = TypeVar("C")

BEGUN = "ORRERY_BEGUN"
"""Environment variable of a process that began anew in place: when that was, in seconds since the machine's boot."""

GC_ALLOCATIONS: Final = 10_000  # containers made and not freed, before the youngest are looked through
GC_GENERATIONS: Final = 20  # times the younger generation is looked through before the next one is


class CannotRun(Exception):
    """What is around the process does not let it run. Told in one sentence, without a traceback; exit code 1."""


def parse_flags(config: type[C], program: str, argv: Sequence[str] | None = None) -> C:
    """Build `config` (a dataclass) from the command line: field `debug_address` is flag `--debug-address`.

    A field without a default is required. A field's help text is the docstring under it.
    """
    parser = argparse.ArgumentParser(prog=program, description=(config.__doc__ or "").split("\n")[0])
    hints = typing.get_type_hints(config)
    arguments = sys.argv[1:] if argv is None else argv
    docs = field_docs(config) if {"-h", "--help"} & set(arguments) else {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        _add_flag(parser, field, hints[field.name], docs.get(field.name, ""))
    return config(**vars(parser.parse_args(argv)))


def field_docs(config: type[Any]) -> dict[str, str]:
    """The docstring under each field of a dataclass, from its source."""
    body = ast.parse(inspect.getsource(config)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docs[ast.unparse(field.target)] = " ".join(str(after.value.value).split())
    return docs


def _add_flag(parser: argparse.ArgumentParser, field: dataclasses.Field[Any], hint: Any, doc: str) -> None:
    flag = "--" + field.name.replace("_", "-")
    required = field.default is dataclasses.MISSING
    options: dict[str, Any] = {"help": doc.replace("%", "%%"), "required": required}
    if not required:
        options["default"] = field.default
    if hint is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        return
    if typing.get_origin(hint) is tuple:
        parser.add_argument(flag, nargs="*", type=typing.get_args(hint)[0], **options)
        return
    parser.add_argument(flag, type=_plain_type(hint), metavar=_plain_type(hint).__name__.upper(), **options)


def _plain_type(hint: Any) -> type:
    """The one type of `T | None`."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    return hint if hint in (int, float, Path) else str


def run_process(main: Callable[[asyncio.Event], Awaitable[None]], *, verbose: bool = False) -> None:
    """Run `main(stop)` until it returns; SIGTERM and SIGINT set `stop`. Ends the process with 1 on an error.

    SIGUSR1 sets `stop`, too, and when all has ended, the process begins anew with the same command: as quick a way to
    take up changed source as there is in a container.
    """
    again: list[bool] = []
    atexit.register(_begin_anew, again)  # what is registered first comes last
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s.%(msecs)03d %(levelname).1s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    for noisy in ("grpc", "asyncio", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _collect_seldom()
    reasons: list[str] = []
    try:
        asyncio.run(_with_signals(main, again))
    except* CannotRun as group:
        reasons = [str(one) for one in leaves(group)]
    if reasons:
        sys.exit("; ".join(dict.fromkeys(reasons)))


def _collect_seldom() -> None:
    """Have Python look for cyclic garbage less often than it does by default, and never among what was imported.

    Caches hold tens of thousands of objects that stay, and nearly all that goes is freed by its reference count.
    """
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, GC_GENERATIONS, GC_GENERATIONS)


def leaves(group: BaseExceptionGroup[Any]) -> Iterator[BaseException]:
    """The exceptions in a group, however deep."""
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from leaves(one)
        else:
            yield one


def process_age_seconds() -> float:
    """Real seconds since this process was started, or began anew; interpreter and imports included."""
    begun = float(os.environ.get(BEGUN, 0.0))
    if not begun:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        begun = ticks / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - begun


def _begin_anew(again: Sequence[bool]) -> None:
    if again:
        sys.stderr.flush()
        begun = {BEGUN: str(time.clock_gettime(time.CLOCK_BOOTTIME))}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **begun})


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[None]], again: list[bool]) -> None:
    """Puts into `again` that the process is to begin anew."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def anew() -> None:
        again.append(True)
        stop.set()

    loop.add_signal_handler(signal.SIGUSR1, anew)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
