"""`orrery`: the command line. Each subcommand is one function of a few lines; the work is in its own module."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from cli.compare import commands as compare
from cli.cri import commands as cri
from cli.debugging import commands as debugging
from cli.errors import UserError
from cli.etcd import commands as etcd
from cli.forms.finding import meant
from cli.lab import commands as lab
from cli.parser import Parser
from cli.source import commands as source
from cli.spec import DEFAULT_NAME, Paths, require_name
from cli.wiretap import commands as wiretap


def _up(args: argparse.Namespace) -> None:
    from cli.status import headline, next_steps, process_table
    from cli.supervisor import read_state
    from cli.up import UpOptions, up

    started = time.monotonic()
    spec = up(UpOptions(args.name, args.runtime, args.nodes, args.port))
    _, processes = read_state(Paths.of(spec.name).state)
    print(f"\n{headline(spec)}; up in {time.monotonic() - started:.1f} s\n{process_table(processes)}\n")
    print(next_steps(spec))


def _down(args: argparse.Namespace) -> None:
    from cli.down import down

    down(args.name, keep=args.keep)
    print(f"cluster {args.name} is down")


def _status(args: argparse.Namespace) -> None:
    from cli.status import status

    print(status(args.name))


def _logs(args: argparse.Namespace) -> None:
    from cli.forms.finding import log_command

    command = log_command(args.name, args.component, args.lines, follow=args.follow)
    os.execvp(command[0], command)


def _restart(args: argparse.Namespace) -> None:
    from cli.debugging.processes import tell
    from cli.forms.finding import running
    from cli.running import is_alive
    from cli.source.telling import why_down

    cluster = running(args.name)
    process = cluster.process(args.component)
    if not is_alive(process.pid):
        why = why_down(cluster.manage(process.name)) or f"{cluster.keeper} is about to start it"
        raise UserError(f"{process.name} is not running: {why}")
    tell(process, signal.SIGKILL if args.kill else signal.SIGTERM)
    done = "was killed" if args.kill else "was told to stop"
    print(f"{process.name} (PID {process.pid}) {done}; {cluster.keeper} starts it again")


def _kubeconfig(args: argparse.Namespace) -> None:
    from cli import kubeconfig
    from cli.forms.finding import COMPOSE_NAME, running
    from cli.spec import load

    if args.name == COMPOSE_NAME:
        cluster = running(args.name)
        context, server, pki = cluster.context, cluster.url, cluster.paths.pki
    else:  # of one that has ended, too
        spec, pki = load(args.name), Paths.of(args.name).pki
        if spec is None:
            raise UserError(f"there is no cluster {args.name}")
        context, server = spec.context, f"https://127.0.0.1:{spec.ports['apiserver']}"
    print(kubeconfig.dump(kubeconfig.entry(context, server, pki)), end="")


def _supervise(args: argparse.Namespace) -> None:
    from cli.components import components, find_etcd
    from cli.config import bears_mark, child_environment
    from cli.locks import only_one
    from cli.spec import load
    from cli.supervisor import ROOT, supervise

    spec, paths, etcd = load(args.name), Paths.of(args.name), find_etcd()
    if spec is None or etcd is None:
        raise UserError(f"cluster {args.name} cannot be supervised: it has no spec, or there is no etcd")
    if not bears_mark(paths.root):  # started by hand: begin again as a process that orrery down finds
        argv = [sys.executable, "-m", "cli", "supervise", "--name", args.name]
        os.execve(sys.executable, argv, child_environment(ROOT, paths.root))
    with only_one(paths.supervisor_lock, f"cluster {args.name} has a supervisor"):
        asyncio.run(supervise(components(spec, paths, etcd), paths.logs, paths.state))


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {
    "up": (_up, "start a cluster"),
    "down": (_down, "stop a cluster; leave only what the next up uses again, and logs"),
    "status": (_status, "what runs where"),
    "logs": (_logs, "show one component's log"),
    "restart": (_restart, "restart one component alone"),
    "kubeconfig": (_kubeconfig, "print a kubeconfig for the cluster"),
    "supervise": (_supervise, "run a cluster's processes in the foreground (used by up)"),
    **debugging.COMMANDS,
    **wiretap.COMMANDS,
    **etcd.COMMANDS,
    **cri.COMMANDS,
    **lab.COMMANDS,
    **source.COMMANDS,
    **compare.COMMANDS,
}


TAKE_COMMANDS = ("swap", "compare")


def make_parser() -> Parser:
    parser = Parser(prog="orrery", description="A Kubernetes with moving parts.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {}
    for name, (_, text) in COMMANDS.items():
        made[name] = commands.add_parser(name, help=text, description=text, takes_more=name in TAKE_COMMANDS)
        made[name].add_argument("--name", help=f"which cluster (default: {DEFAULT_NAME}); compose is that of Compose")
    made["up"].add_argument("--runtime", choices=("docker", "sim"), help="default: docker if an engine answers")
    made["up"].add_argument("--nodes", type=int, help="number of worker nodes (default: 2)")
    made["up"].add_argument("--port", type=int, help="HTTPS port of the apiserver (default: a free one)")
    made["down"].add_argument("--keep", action="store_true", help="keep etcd's data for the next up")
    for name in ("logs", "restart"):
        made[name].add_argument("component", help="as `orrery status` names it")
    made["logs"].add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    made["logs"].add_argument("-n", "--lines", type=int, default=100, help="how many lines (default: %(default)s)")
    made["restart"].add_argument("--kill", action="store_true", help="with SIGKILL, as a crash would")
    for group in (debugging, wiretap, etcd, cri, lab, source, compare):
        for name, add_flags in group.FLAGS.items():
            add_flags(made[name])
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Where a command of the user's comes last, all after the first `--` is that command, flags and all; what stands
    before it may be in any order."""
    if not argv or argv[0] not in TAKE_COMMANDS:
        return make_parser().parse_args(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    args, more = make_parser().parse_known_args(argv[:cut])
    args.words += [*more, *argv[cut + 1 :]]
    return args


def _needs_no_cluster(args: argparse.Namespace) -> bool:
    """It reads files alone."""
    return compare.needs_no_cluster(args) or (args.command == "wire" and bool(args.read))


def _told_plainly() -> type[Exception]:
    """What components end with, too. Asked for only where something has gone wrong already: it takes its time."""
    from wire.process import CannotRun

    return CannotRun


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(list(sys.argv[1:] if argv is None else argv))
    try:
        args.name = (args.name or DEFAULT_NAME) if _needs_no_cluster(args) else meant(args.command, args.name)
        require_name(args.name)
        COMMANDS[args.command][0](args)
    except UserError as error:
        sys.exit(f"orrery: {error}")
    except _told_plainly() as error:
        sys.exit(f"orrery: {error}")
    except BrokenPipeError:  # whoever read our output has seen enough, as in `orrery edges | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:  # a full disk, a folder that is not ours: the machine's trouble, not a mistake in here
        if error.filename is None:
            raise
        sys.exit(f"orrery: {error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
