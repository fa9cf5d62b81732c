"""`orrery wire`, for the table in `cli.__main__`. What does the work is imported only when used."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli.debugging.numbers import positive

if TYPE_CHECKING:
    from cli.wiretap.options import WireOptions


def _wire(args: argparse.Namespace) -> None:
    from cli.debugging.faults import parse_length
    from cli.wiretap.options import WireOptions
    from cli.wiretap.telling import listen, replay

    fields = {name: getattr(args, name) for name in WireOptions.__match_args__}
    options = WireOptions(**{**fields, "duration": parse_length("duration", args.duration) if args.duration else 0.0})
    options.check()
    if options.read:
        replay(options)
    else:
        _require_known(args.name, options)
        asyncio.run(listen(args.name, options))


def _require_known(name: str, options: WireOptions) -> None:
    """Raises UserError. The apiserver is asked for custom resources only if there is a doubt."""
    from apimachinery.errors import ApiError
    from cli.forms.finding import running

    cluster = running(name)
    components = [one.component for one in cluster.targets]
    if not options.doubts(components):
        return
    try:
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        custom = (cluster.rest().call("GET", path) or {}).get("items") or []
    except (ApiError, OSError):
        return  # it is told as a doubt
    options.require_known(components, {one["spec"]["names"]["plural"] for one in custom})


def _wire_flags(parser: argparse.ArgumentParser) -> None:
    for flag, metavar, text in _VALUES:
        parser.add_argument(f"--{flag}", metavar=metavar, default="", help=text)
    for flag, text in _SWITCHES:
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parser.set_defaults(component="*")
    parser.add_argument("--count", type=positive, default=0, metavar="N", help="end after so many messages")


_VALUES = (
    ("component", "PATTERN", "only what these send or are sent, such as 'kubelet-*' or 'kubectl*'"),
    ("method", "TEXT", "only methods with this in them: WriteMany, etcd/, RunPodSandbox, PATCH"),
    ("object", "KIND/NS/NAME", "only what is about these: pod, pod/web-1, pods/shop/web-*"),
    ("follow", "KIND/NS/NAME", "one object, with its Events, and a pod's sandbox and containers"),
    ("exclude", "KINDS", "not these: leases,events"),
    ("record", "FILE", "keep what is shown, with bodies, to be read again"),
    ("read", "FILE", "a recording, with the same filters"),
    ("duration", "TIME", "end after 30s"),
)
_SWITCHES = (
    ("errors", "only what failed"),
    ("body", "show requests and answers"),
    ("diff", "show what each patch, update and event changed"),
    ("served", "also what components answered, told by them: doubles what they asked of one another"),
    ("recent", "first what was captured for another listener not long ago"),
    ("secrets", "do not mask Secrets' data, tokens and containers' environment"),
    ("json", "one JSON object per line, for programs"),
)

COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {
    "wire": (_wire, "show the cluster's traffic, decoded: live or from a recording"),
}
FLAGS: dict[str, Callable[[argparse.ArgumentParser], None]] = {"wire": _wire_flags}
