"""What the Compose form needs once, before and after its services start.

`python -m cli.compose prepare` makes certificates and a kubeconfig; `python -m cli.compose addons` waits for the
apiserver and creates the DNS Service. Both are services of `docker-compose.yml` that run to their end.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from apimachinery.errors import ApiError
from cli import addons, kubeconfig, pki
from cli.components import APISERVER_SERVICE
from cli.rest import Rest

WAIT_SECONDS = 120.0
RETRY_SECONDS = 0.2
CONTEXT = "orrery-compose"


def prepare(args: argparse.Namespace) -> None:
    """Every certificate, and `kubeconfig` beside them for the host."""
    subjects = pki.control_plane_subjects([APISERVER_SERVICE, args.apiserver_ip])
    for node, address in nodes(args.nodes):
        subjects += pki.node_subjects(node, address)
    pki.ensure(args.pki_dir, subjects)
    config = kubeconfig.entry(CONTEXT, f"https://127.0.0.1:{args.published_port}", args.pki_dir)
    kubeconfig.merge_into(args.pki_dir.parent / "kubeconfig", config)


def nodes(texts: list[str]) -> list[tuple[str, str]]:
    """`NAME=IP` each."""
    pairs = [text.partition("=") for text in texts]
    return [(name, address) for name, _, address in pairs]


def install_addons(args: argparse.Namespace) -> None:
    """Retries until the apiserver takes them. Ends the process with 1 if it never does."""
    rest = Rest(args.apiserver_port, args.pki_dir, host=args.apiserver_host)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            addons.install(rest, addons.dns_objects(args.dns_ip, args.dns_port))
        except (ApiError, OSError) as error:
            if time.monotonic() > deadline:
                sys.exit(f"the apiserver did not take the addons within {WAIT_SECONDS:.0f} s: {error}")
            time.sleep(RETRY_SECONDS)
        else:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prepare")
    first.set_defaults(run=prepare)
    first.add_argument("--apiserver-ip", required=True)
    first.add_argument("--published-port", type=int, default=6443)
    first.add_argument("--nodes", nargs="+", default=[], metavar="NAME=IP")
    second = commands.add_parser("addons")
    second.set_defaults(run=install_addons)
    second.add_argument("--apiserver-host", default="apiserver")
    second.add_argument("--apiserver-port", type=int, default=6443)
    second.add_argument("--dns-ip", required=True)
    second.add_argument("--dns-port", type=int, default=53)
    for one in (first, second):
        one.add_argument("--pki-dir", type=Path, required=True)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
