"""`orrery lab`, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import UserError

if TYPE_CHECKING:
    from cli.lab.model import Lab

Args = argparse.Namespace
Parser = argparse.ArgumentParser


def _list(args: Args) -> None:
    from cli.lab.model import all_labs
    from cli.lab.workspace import Workspace
    from cli.status import table

    rows = [["LAB", "ABOUT", "MINUTES", "POINTS", "STARTED"]]
    for one in all_labs():
        started = "yes" if Workspace.of(args.name, one).start.exists() else "-"
        rows.append([one.id, one.title, str(one.minutes), str(one.points), started])
    print(table(rows))


def _start(args: Args) -> None:
    from cli.lab.model import find
    from cli.lab.starting import start

    print(start(args.name, find(args.lab), args.seed))


def _check(args: Args) -> None:
    from cli.lab.checking import check
    from cli.lab.model import find

    said, right = check(args.name, find(args.lab), args.student, args.out)
    print(said)
    sys.exit(0 if right else 1)


def _hint(args: Args) -> None:
    from cli.forms.finding import running
    from cli.lab.checking import hints, last_results, look
    from cli.lab.model import find
    from cli.lab.workspace import Workspace

    lab = find(args.lab).on(running(args.name).runtime)
    said = hints(lab, args.check, last_results(Workspace.of(args.name, lab)))
    if not said:
        raise UserError(f"lab {lab.id} has no check {args.check}; there are: {', '.join(one.id for one in lab.checks)}")
    print("\n".join(look(args.name, lab, said) if lab.broken else said))


def _solution(args: Args) -> None:
    from cli.lab.model import find
    from cli.lab.scripts import perform
    from cli.lab.workspace import Workspace, read_start

    lab = find(args.lab)
    script = Path(args.script) if args.script else lab.solution
    if not args.apply:
        print(_revealed(args.name, lab) + (script.read_text() if args.script else lab.told_solution()), end="")
        return
    start = read_start(Workspace.of(args.name, lab), lab)
    print(perform(args.name, lab, script, start.seed), end="")


def _revealed(name: str, lab: Lab) -> str:
    """What was drawn for a lab that hides a fault, as comments; "" before it was started."""
    from cli.lab.broken.riddle import ClusterRiddle
    from cli.lab.broken.table import revealed
    from cli.lab.workspace import Workspace, read_start

    space = Workspace.of(name, lab)
    if not (lab.broken and space.start.exists()):
        return ""
    return "".join(f"# {line}\n" for line in revealed(ClusterRiddle(name, read_start(space, lab)).broken))


def _reset(args: Args) -> None:
    from cli.lab.model import find
    from cli.lab.starting import reset

    print(reset(args.name, find(args.lab)))


def _summary(args: Args) -> None:
    from cli.lab.summary import summary

    folder = Path(args.folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is no directory")
    print(summary(folder))


_VERBS: dict[str, tuple[Callable[[Args], None], str]] = {
    "list": (_list, "every lab"),
    "start": (_start, "make a lab's namespace and answer sheet"),
    "check": (_check, "say what is right, what is missing, and what was looked at"),
    "hint": (_hint, "of the first check that is not met, or of the one named"),
    "solution": (_solution, "show it, or perform it"),
    "reset": (_reset, "clear a lab's namespace and files away"),
    "summary": (_summary, "a teacher's table over a directory of results"),
}


def _lab(args: Args) -> None:
    _VERBS[args.do][0](args)


def _lab_flags(parser: Parser) -> None:
    verbs = parser.add_subparsers(dest="do", required=True, metavar="|".join(_VERBS))
    made = {verb: verbs.add_parser(verb, help=text, description=text) for verb, (_, text) in _VERBS.items()}
    for verb, one in made.items():
        one.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if verb not in ("list", "summary"):
            one.add_argument("lab", metavar="LAB", help="3, no-scheduler or 03-no-scheduler")
    made["start"].add_argument("--seed", type=int, help="of what is drawn, to repeat it (default: drawn)")
    made["check"].add_argument("--student", default="", help="for the result (default: your user name)")
    made["check"].add_argument("--out", default="", metavar="FILE", help="also write the result there")
    made["hint"].add_argument("check", nargs="?", default="", metavar="CHECK", help="as orrery lab check names it")
    made["solution"].add_argument("--apply", action="store_true", help="perform it")
    made["solution"].add_argument("--script", default="", help=argparse.SUPPRESS)
    made["summary"].add_argument("folder", metavar="DIR")


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "lab": (_lab, "exercises: list, start, check, hint, solution, reset, summary"),
}
FLAGS: dict[str, Callable[[Parser], None]] = {"lab": _lab_flags}
