"""`orrery etcd`, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from cli.debugging.numbers import natural, positive

Args = argparse.Namespace
Parser = argparse.ArgumentParser


def _run(work: Coroutine[Any, Any, str]) -> None:
    text = asyncio.run(work)
    if text:
        print(text)


def _etcd(args: Args) -> None:
    from cli.etcd import looking, snapshots

    match args.do:
        case "tree":
            _run(looking.tree(args.name, args.prefix, args.depth))
        case "get":
            _run(looking.get(args.name, args.key, args.revision, secrets=args.secrets))
        case "history":
            _run(looking.history(args.name, args.key, secrets=args.secrets))
        case "watch":
            _run(looking.watch(args.name, args.prefix, args.count, secrets=args.secrets))
        case "backup":
            print(snapshots.backup(args.name, Path(args.file)))
        case _:
            print(snapshots.restore(args.name, Path(args.file)))


_VERBS = {
    "tree": "keys as a tree, with revisions and sizes",
    "get": "one key, decoded",
    "history": "one key's revisions: what each changed, who wrote it, in which trace",
    "watch": "what is written, as it happens",
    "backup": "save a snapshot with etcdctl",
    "restore": "put a snapshot in place of what etcd holds",
}


def _etcd_flags(parser: Parser) -> None:
    verbs = parser.add_subparsers(dest="do", required=True, metavar="|".join(_VERBS))
    made = {verb: verbs.add_parser(verb, help=text, description=text) for verb, text in _VERBS.items()}
    for one in made.values():
        one.add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    for verb in ("tree", "watch"):
        made[verb].add_argument(
            "prefix",
            nargs="?",
            default="",
            help="only below it: /registry/pods, or a kind and a namespace, pods/shop (default: all)",
        )
    made["tree"].add_argument("--depth", type=positive, default=0, help="only so many levels; below, keys are counted")
    for verb in ("get", "history"):
        made[verb].add_argument("key", metavar="KEY", help="/registry/pods/default/web-1, or pod/web-1, pod/shop/web-1")
    made["get"].add_argument("--revision", type=natural, default=0, help="as it was then (default: now)")
    made["watch"].add_argument("--count", type=natural, default=0, metavar="N", help="end after so many")
    for verb in ("get", "history", "watch"):
        made[verb].add_argument("--secrets", action="store_true", help="do not mask Secrets' data")
    for verb in ("backup", "restore"):
        made[verb].add_argument("file", metavar="FILE")


COMMANDS: dict[str, tuple[Callable[[Args], None], str]] = {
    "etcd": (_etcd, "look into etcd: tree, get, history, watch, backup, restore"),
}
FLAGS: dict[str, Callable[[Parser], None]] = {"etcd": _etcd_flags}
