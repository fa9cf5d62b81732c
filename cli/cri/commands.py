"""`orrery cri`, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

Args = argparse.Namespace


def _cri(args: Args) -> None:
    from cli.cri.calling import cri

    asyncio.run(cri(args.name, args.node, args.method, args.json, fields=args.fields, count=args.count))


def _cri_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE", help="worker-1")
    parser.add_argument(
        "method", nargs="?", default="", metavar="METHOD", help="as the CRI has it (default: list them)"
    )
    parser.add_argument(
        "json", nargs="?", default="{}", metavar="JSON", help="the request; @FILE, or - for standard input"
    )
    parser.add_argument(
        "--fields", action="store_true", help="show what the method's request may have, and call nothing"
    )
    parser.add_argument("--count", type=int, default=0, metavar="N", help="of a stream, end after so many answers")


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "cri": (_cri, "call a node's container runtime by hand, over its CRI socket"),
}
FLAGS: dict[str, Callable[[argparse.ArgumentParser], None]] = {"cri": _cri_flags}
