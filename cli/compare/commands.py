"""`orrery compare`, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cli.compare.limits import QUIET_SECONDS
from cli.errors import UserError

if TYPE_CHECKING:
    from cli.compare.comparing import Options
    from cli.compare.reading import Input

T = TypeVar("T")
Args = argparse.Namespace
Parser = argparse.ArgumentParser

USAGE = (
    "orrery compare [flags] COMPONENT -- COMMAND... | orrery compare [flags] COMPONENT -- ours | "
    "orrery compare record COMPONENT FILE"
)


def needs_no_cluster(args: Args) -> bool:
    return args.command == "compare" and bool(args.input)


def _compare(args: Args) -> None:
    if args.component == "record":
        return _record(args)
    _require_use(args)
    from cli.compare.comparing import compare
    from cli.compare.differences import equal
    from cli.compare.telling import text, tree

    options = _options(args)
    result = asyncio.run(_until_told(compare(_input(args), options)))
    if args.json:
        print(json.dumps(tree(result), indent=1, ensure_ascii=False))
    else:
        print(text(result, every=args.all))
    sys.exit(0 if equal(result.findings, strict=args.strict) else 1)


def _require_use(args: Args) -> None:
    """Raises UserError for what can be known to be wrong at once."""
    from cli.compare.subjects import require_component

    require_component(args.component)
    if not args.words:
        example = f"orrery compare {args.component} -- python3 my_{args.component.replace('-', '_')}.py"
        raise UserError(f"compare ours with what? {example}, or -- ours")
    if args.aligned and args.component != "scheduler":
        raise UserError("--aligned: only a scheduler's pods can be put where the other put them")
    if args.ready and args.component != "controller-manager":
        raise UserError("--ready: a scheduler decides about pods before they run; patch their status in the input")
    if args.duration or args.count:
        raise UserError("--duration, --count: only of a recording; orrery compare record makes one")


def _options(args: Args) -> Options:
    """Raises UserError for wrong use."""
    from cli.compare.comparing import Options
    from cli.compare.contestants import contestants
    from cli.compare.limits import QUIET_MAX_SECONDS
    from cli.debugging.durations import parse_duration

    quiet = parse_duration(args.quiet)
    if not 0 < quiet <= QUIET_MAX_SECONDS:
        raise UserError(f"--quiet {args.quiet}: must be above 0 and at most {QUIET_MAX_SECONDS:.0f} s")
    first, second = contestants(args.words, args.against)
    return Options(args.component, first, second, args.seed, quiet, args.aligned, args.ready)


def _input(args: Args) -> Input:
    from cli.compare.reading import read_input
    from cli.compare.recording import snapshot

    if not args.input:
        return asyncio.run(snapshot(args.name, args.component, pending=args.pending))
    if args.pending:
        raise UserError("--pending: says what is recorded of a cluster; --input is recorded already")
    given = read_input(Path(args.input))
    if given.component not in ("", args.component):
        raise UserError(f"{args.input} was recorded for the {given.component}, not for the {args.component}")
    return given


def _record(args: Args) -> None:
    from cli.compare.subjects import require_component
    from cli.debugging.durations import parse_duration

    if len(args.words) != 2:
        raise UserError("record what, and where to? orrery compare record scheduler FILE")
    component, file = args.words
    require_component(component)
    from cli.compare.recording import record

    seconds = parse_duration(args.duration) if args.duration else 0.0
    if args.count and not seconds:
        raise UserError("--count: of what happens meanwhile; say for how long at most: --duration 60s")
    print(asyncio.run(record(args.name, component, Path(file), seconds, args.count, pending=args.pending)))


def _with_trouble(args: Args) -> None:
    """As diff(1) ends: 0 for no difference, 1 for some, 2 for trouble."""
    try:
        _compare(args)
    except UserError as error:
        print(f"orrery: {error}", file=sys.stderr)
        sys.exit(2)
    except asyncio.CancelledError:  # SIGTERM: all has been cleared away
        sys.exit(143)


async def _until_told(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "compare": (_with_trouble, "run two implementations of a component on the same input; show where they differ"),
}


def _flags(parser: Parser) -> None:
    parser.usage = USAGE
    parser.add_argument("component", help="scheduler or controller-manager; or: record")
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="-- and what to run; ours is our own once more")
    parser.add_argument("--input", metavar="FILE", default="", help="objects and steps (default: what the cluster has)")
    parser.add_argument("--against", metavar="COMMAND", default="", help="compare with this instead of with ours")
    parser.add_argument("--seed", type=int, default=1, help="of the lots that ours draws (default: %(default)s)")
    parser.add_argument("--quiet", metavar="TIME", default=f"{QUIET_SECONDS}s", help=_QUIET)
    parser.add_argument("--aligned", action="store_true", help=_ALIGNED)
    parser.add_argument("--ready", action="store_true", help=_READY)
    parser.add_argument("--strict", action="store_true", help="a node with as many points is a difference, too")
    parser.add_argument("--all", action="store_true", help="show what is the same, too")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--pending", action="store_true", help="of a cluster: pods that have a node keep it")
    parser.add_argument("--duration", metavar="TIME", default="", help="record: go on for so long (default: not)")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="record: end after so many happenings")


_QUIET = "a command of yours that is idle for so long has come to rest (default: %(default)s)"
_ALIGNED = "take every decision on the same state: where yours differs, its pod is put where ours put it"
_READY = "play scheduler and kubelets for the controllers, on both sides: pods run as soon as they are there"

FLAGS: dict[str, Callable[[Parser], None]] = {"compare": _flags}
