"""The subcommands for source and breakpoints, for the table in `cli.__main__`; work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

from cli.errors import UserError

Args = argparse.Namespace
Parser = argparse.ArgumentParser


def _stop(args: Args) -> None:
    from cli.source.acts import stop

    print(asyncio.run(stop(args.name, args.component)))


def _start(args: Args) -> None:
    from cli.source.acts import start

    print(asyncio.run(start(args.name, args.component)))


def _swap(args: Args) -> None:
    from cli.source.acts import swap, swap_back

    if args.back == bool(args.words):
        raise UserError("swap what for what? orrery swap scheduler -- python my_scheduler.py, or --back")
    work = swap_back(args.name, args.component) if args.back else swap(args.name, args.component, args.words)
    print(asyncio.run(work))


def _dev(args: Args) -> None:
    from cli.source.dev import dev

    asyncio.run(dev(args.name, args.component, args.watch))


def _debug(args: Args) -> None:
    from cli.breakpoints.acts import debug, end_debug, in_terminal
    from cli.breakpoints.ports import require_port

    _require_one_way(args)
    if args.terminal:
        sys.exit(asyncio.run(in_terminal(args.name, args.component)))
    if args.off:
        print(asyncio.run(end_debug(args.name, args.component)))
    else:
        port = 0 if args.port is None else require_port(args.port)
        print(asyncio.run(debug(args.name, args.component, port, wait=args.wait)))


def _require_one_way(args: Args) -> None:
    """Raises UserError for what does not go together."""
    given = {"terminal": args.terminal, "off": args.off, "port": args.port is not None, "wait": args.wait}
    flags = [flag for flag, there in given.items() if there]
    if len(flags) > 1 and flags[0] in ("terminal", "off"):
        raise UserError(f"--{flags[0]} and --{flags[1]}: one of the two, please; --port and --wait are for debuggers")


def _watch(args: Args) -> None:
    from cli.breakpoints.watching import watch

    asyncio.run(watch(args.name))


def _stand_in(args: Args) -> None:
    from cli.source.stand_in import stand_in

    asyncio.run(stand_in(args.name, args.component))


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "stop": (_stop, "stop a component until it is started"),
    "start": (_start, "start a stopped component"),
    "swap": (_swap, "run your own command in place of a component"),
    "dev": (_dev, "restart a component whenever its source changes"),
    "debug": (_debug, "run a component under a debugger; the cluster's clock waits with it"),
    "stand-in": (_stand_in, "run what was swapped for a container (used by swap under Compose)"),
    "watch": (_watch, "stop the clock while what is under debug stands still (used by debug under Compose)"),
}


def _component(parser: Parser) -> None:
    parser.add_argument("component", help="as orrery status names it")


def _swap_flags(parser: Parser) -> None:
    parser.usage = "orrery swap [flags] COMPONENT -- COMMAND... | orrery swap COMPONENT --back"
    _component(parser)
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="-- and what to run; see docs/debugging/source.md")
    parser.add_argument("--back", action="store_true", help="run ours again")


def _dev_flags(parser: Parser) -> None:
    _component(parser)
    parser.add_argument("--watch", action="append", default=[], metavar="PATH", help="also this; may be repeated")


def _debug_flags(parser: Parser) -> None:
    _component(parser)
    parser.add_argument("--port", type=int, help="for the debugger (default: one for each kind)")
    parser.add_argument("--wait", action="store_true", help="begin only when a debugger has attached")
    parser.add_argument("--terminal", action="store_true", help="run it in this terminal, for breakpoint()")
    parser.add_argument("--off", action="store_true", help="run it as usual again")


FLAGS: dict[str, Callable[[Parser], None]] = {
    "stop": _component,
    "start": _component,
    "stand-in": _component,
    "swap": _swap_flags,
    "dev": _dev_flags,
    "debug": _debug_flags,
}
