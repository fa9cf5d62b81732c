"""The subcommands for debugging, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cli.debugging.numbers import natural, positive, seconds, share
from cli.errors import UserError

Args = argparse.Namespace
Parser = argparse.ArgumentParser


def _run(work: Coroutine[Any, Any, Any]) -> None:
    """Print text as it is, anything else as JSON."""
    result = asyncio.run(work)
    if result != "":
        print(result if isinstance(result, str) else json.dumps(result, indent=1))


# --- what runs


def _clock(args: Args) -> None:
    from cli.debugging import clock
    from cli.debugging.durations import parse_duration
    from cli.debugging.timeline import parse_rate

    if args.value and args.do not in ("rate", "step"):
        raise UserError(f"orrery clock {args.do} takes no {args.value}")
    if args.do == "rate" and not args.value:
        raise UserError("which rate? orrery clock rate 60")
    match args.do:
        case "show":
            _run(clock.show(args.name))
        case "pause":
            _run(clock.change(args.name, 0.0))
        case "resume":
            _run(clock.change(args.name, 1.0))
        case "rate":
            _run(clock.change(args.name, parse_rate(args.value)))
        case _ if args.value:
            _run(clock.step_by(args.name, parse_duration(args.value)))
        case _:
            _run(clock.step_next(args.name))


def _edges(args: Args) -> None:
    from cli.debugging.edge_list import edge_trees, edges

    _run((edge_trees if args.json else edges)(args.name, args.edge, args.component))


def _hold(args: Args) -> None:
    from cli.debugging.holds import HoldOptions, hold

    _run(hold(args.name, HoldOptions(args.edge, args.component, args.match, args.count, args.yes)))


def _held(args: Args) -> None:
    from cli.debugging.holds import held_trees, show_held

    _run((held_trees if args.json else show_held)(args.name, args.component))


def _release(args: Args) -> None:
    from cli.debugging.holds import let_go

    _run(let_go(args.name, args.ids, everything=args.all))


def _drop(args: Args) -> None:
    from cli.debugging.holds import let_go

    _run(let_go(args.name, args.ids, everything=False, drop=True))


def _step(args: Args) -> None:
    from cli.debugging.holds import step

    _run(step(args.name, args.component))


def _fault(args: Args) -> None:
    from cli.debugging import fault_commands as commands

    match args.do:
        case "add":
            from cli.debugging.faults import Fault

            _run(commands.add(args.name, Fault(**{field: getattr(args, field) for field in Fault.__match_args__})))
        case "list":
            _run((commands.rule_trees if args.json else commands.show)(args.name))
        case "delete":
            _run(commands.delete(args.name, args.ids))
        case "clear":
            _run(commands.clear(args.name))
        case _:
            _run(commands.apply(args.name, Path(args.file)))


def _partition(args: Args) -> None:
    from cli.debugging.fault_commands import partition

    _run(partition(args.name, args.one, args.other, args.duration, forever=args.forever))


def _kill(args: Args) -> None:
    from cli.debugging.processes import kill

    print(kill(args.name, args.component))


def _freeze(args: Args) -> None:
    from cli.debugging.faults import parse_length
    from cli.debugging.processes import freeze

    print(freeze(args.name, args.component, parse_length("duration", args.duration) if args.duration else 0.0))


def _thaw(args: Args) -> None:
    from cli.debugging.processes import thaw, thaw_later

    if args.after:
        _run(thaw_later(args.name, args.component, args.after, {int(pid) for pid in args.pids.split(",")}))
    else:
        print(thaw(args.name, args.component))


def _tracing(args: Args) -> None:
    from cli.tracing import switch

    print(switch.show(args.name) if args.do == "show" else switch.switch(args.name, on=args.do == "on"))


def _trace(args: Args) -> None:
    from cli.tracing.trace import TraceOptions, trace

    command = args.words if "--" in sys.argv else []  # argparse takes the dashes away
    if not command and len(args.words) != 1:
        raise UserError("trace what? orrery trace -- kubectl apply -f web.yaml, or orrery trace deployment/web")
    options = TraceOptions(
        command, "" if command else args.words[0], args.namespace, args.wait, args.all, args.otlp, args.html
    )
    text, code = asyncio.run(trace(args.name, options))
    print(text)
    sys.exit(code)


def _why(args: Args) -> None:
    from cli.why.why import why, why_tree

    _run((why_tree if args.json else why)(args.name, args.object, args.namespace))


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "clock": (_clock, "show, pause, resume, speed up or step the cluster's time"),
    "edges": (_edges, "list every edge: who to whom, what, counts, latency"),
    "hold": (_hold, "hold messages at an edge"),
    "held": (_held, "show what is held, and what it would change"),
    "release": (_release, "let held messages pass"),
    "step": (_step, "let the next held message pass; on a terminal, one per keypress"),
    "drop": (_drop, "lose held messages"),
    "fault": (_fault, "add, list, delete, clear or apply faults"),
    "partition": (_partition, "cut two components off from one another"),
    "kill": (_kill, "kill a component, as a crash would"),
    "freeze": (_freeze, "stop a component's process where it is"),
    "thaw": (_thaw, "let a frozen component go on"),
    "trace": (_trace, "show all that a command, or an object's last write, set off"),
    "tracing": (_tracing, "keep spans, or do not"),
    "why": (_why, "say why an object is as it is, with the evidence"),
}


# --- what they take


def _clock_flags(parser: Parser) -> None:
    parser.add_argument("do", nargs="?", choices=("show", "pause", "resume", "rate", "step"), default="show")
    parser.add_argument("value", nargs="?", help="rate: times real time, 60; step: how far, 5m (default: next timer)")


def _component(parser: Parser) -> None:
    parser.add_argument("--component", default="*", help="only these, a shell pattern such as 'kubelet-*'")


def _json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _edges_flags(parser: Parser) -> None:
    parser.add_argument("edge", nargs="?", default="*", help="only these, a shell pattern such as 'watch:*'")
    _component(parser)
    _json(parser)


def _match(parser: Parser) -> None:
    parser.add_argument("edge", metavar="EDGE", help="as orrery edges names it; may be a shell pattern")
    _component(parser)
    parser.add_argument("--match", default="", help="kind=Pod,namespace=default,name=web-*; only such messages")
    parser.add_argument("--count", type=positive, default=0, help="only so many messages, in each component")


def _hold_flags(parser: Parser) -> None:
    _match(parser)
    parser.add_argument("--yes", action="store_true", help="even if a lease may starve")


def _held_flags(parser: Parser) -> None:
    _component(parser)
    _json(parser)


def _release_flags(parser: Parser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="as orrery held shows them, or a hold's id")
    parser.add_argument("--all", action="store_true", help="everything that is held, and end every hold")


def _drop_flags(parser: Parser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID", help="as orrery held shows them")


def _fault_flags(parser: Parser) -> None:
    verbs = parser.add_subparsers(dest="do", required=True, metavar="add|list|delete|clear|apply")
    made = {verb: verbs.add_parser(verb, help=text) for verb, text in _FAULT_VERBS.items()}
    for one in made.values():
        one.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    add = made["add"]
    _match(add)
    for flag, text in _FAULT_SWITCHES.items():
        add.add_argument(f"--{flag}", action="store_true", help=text)
    for flag, text in _FAULT_VALUES.items():
        add.add_argument(f"--{flag}", default="", help=text)
    add.add_argument("--probability", type=share, default=1.0, help="share of the messages, 0.3 (default: all)")
    add.add_argument("--seed", type=natural, help="of its draws, to repeat a run (default: drawn, and shown)")
    _json(made["list"])
    made["delete"].add_argument("ids", nargs="+", metavar="ID")
    made["apply"].add_argument("-f", "--file", required=True, help="YAML: a list `faults` with the flags' names")


_FAULT_VERBS = {
    "add": "set a fault at an edge",
    "list": "every rule in force: faults, partitions, holds",
    "delete": "end rules",
    "clear": "end all faults and partitions",
    "apply": "set the faults of a file",
}
_FAULT_SWITCHES = {
    "drop": "messages are lost",
    "duplicate": "messages arrive twice",
    "reorder": "a message is overtaken by the next",
    "forever": "it has no end but its deletion",
}
_FAULT_VALUES = {
    "delay": "messages are late by 200ms of cluster time",
    "jitter": "the delay varies by 50ms either way",
    "error": "messages fail with a gRPC code such as UNAVAILABLE",
    "duration": "it ends after 5m of cluster time",
}


def _partition_flags(parser: Parser) -> None:
    parser.add_argument("one", metavar="A", help="a component, or a shell pattern")
    parser.add_argument("other", metavar="B")
    parser.add_argument("--duration", default="", help="it ends after 30s of cluster time")
    parser.add_argument("--forever", action="store_true", help="it has no end but its deletion")


def _process(parser: Parser) -> None:
    parser.add_argument("component", help="as orrery status names it; may be a shell pattern")


def _freeze_flags(parser: Parser) -> None:
    _process(parser)
    parser.add_argument("--duration", default="", help="it goes on after 30s of cluster time (default: orrery thaw)")


def _thaw_flags(parser: Parser) -> None:
    _process(parser)
    parser.add_argument("--after", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--pids", default="", help=argparse.SUPPRESS)


def _namespace(parser: Parser) -> None:
    parser.add_argument("-n", "--namespace", default="default", help="of the object (default: %(default)s)")


def _trace_flags(parser: Parser) -> None:
    parser.usage = "orrery trace [flags] -- COMMAND... | orrery trace [flags] KIND/NAME | orrery trace [flags] TRACE-ID"
    parser.add_argument("words", nargs="+", metavar="WHAT", help="-- COMMAND, KIND/NAME or a trace id")
    _namespace(parser)
    parser.add_argument("--wait", type=seconds, default=30.0, help="at most so many seconds (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="deliveries that led to nothing and admission, too")
    parser.add_argument("--otlp", default="", metavar="FILE", help="also write the tree as OTLP/JSON")
    parser.add_argument("--html", default="", metavar="FILE", help="also write it as one page with a sequence diagram")


def _tracing_flags(parser: Parser) -> None:
    parser.add_argument("do", nargs="?", choices=("show", "on", "off"), default="show")


def _why_flags(parser: Parser) -> None:
    parser.add_argument(
        "object", metavar="OBJECT", help="such as pod/web-1, deployment/web, service/web, node/worker-1"
    )
    _namespace(parser)
    _json(parser)


FLAGS: dict[str, Callable[[Parser], None]] = {
    "clock": _clock_flags,
    "edges": _edges_flags,
    "hold": _hold_flags,
    "held": _held_flags,
    "release": _release_flags,
    "step": _component,
    "drop": _drop_flags,
    "fault": _fault_flags,
    "partition": _partition_flags,
    "kill": _process,
    "freeze": _freeze_flags,
    "thaw": _thaw_flags,
    "trace": _trace_flags,
    "tracing": _tracing_flags,
    "why": _why_flags,
}
