"""What the Compose form needs once, before and after its services start.

`python -m cli.compose prepare` makes certificates and a kubeconfig; `python -m cli.compose addons` creates the DNS
Service and waits for the nodes. Both are services of `docker-compose.yml` that run to their end.
"""

from __future__ import annotations

import argparse
import compileall
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tenacity import RetryCallState, RetryError, Retrying, retry_if_result, wait_fixed

from cli import addons, kubeconfig
from cli.components import APISERVER_SERVICE
from cli.readiness import addons_missing, leases_missing, nodes_missing
from cli.rest import Rest
from cli.supervisor import ROOT
from wire.process import process_age_seconds

WAIT_SECONDS = 180.0
RETRY_SECONDS = 0.1
CONTEXT = "orrery-compose"
PACKAGES = (
    *("proto", "api", "apimachinery", "wire", "client", "apiserver", "scheduler", "controller_manager"),
    *("kubelet", "cri", "kube_proxy", "dns", "cli"),
)


def prepare(args: argparse.Namespace) -> None:
    """Every certificate, and `kubeconfig` beside them for the host."""
    from cli import pki

    subjects = pki.control_plane_subjects([APISERVER_SERVICE, args.apiserver_ip], [args.etcd_ip])
    for node, address in nodes(args.nodes):
        subjects += pki.node_subjects(node, address)
    pki.ensure(args.pki_dir, subjects)
    config = kubeconfig.entry(CONTEXT, f"https://127.0.0.1:{args.published_port}", args.pki_dir)
    kubeconfig.merge_into(args.pki_dir.parent / "kubeconfig", config)
    compile_sources(ROOT)


def nodes(texts: list[str]) -> list[tuple[str, str]]:
    """`NAME=IP` each."""
    pairs = [text.partition("=") for text in texts]
    return [(name, address) for name, _, address in pairs]


def compile_sources(root: Path) -> None:
    """Once for all components, who cannot write there; what is compiled belongs to whom the source belongs."""
    owner = root.stat()
    for package in PACKAGES:
        compileall.compile_dir(root / package, quiet=1)
        for directory in (root / package).rglob("__pycache__"):
            for path in (directory, *directory.iterdir()):
                if path.stat().st_uid != owner.st_uid:
                    os.chown(path, owner.st_uid, owner.st_gid)


def install_addons(args: argparse.Namespace) -> None:
    """Ends the process with 1 if the apiserver never takes them, or the nodes do not come."""
    rest = Rest(args.apiserver_port, args.pki_dir, host=args.apiserver_host)
    started, deadline = time.time(), time.monotonic() + WAIT_SECONDS
    wait_for(lambda: addons_missing(rest, addons.dns_objects(args.dns_ip, args.dns_port)), deadline)
    wait_for(lambda: nodes_missing(rest, args.nodes) or leases_missing(rest, started), deadline)
    print(f"{args.nodes} nodes are Ready, {process_age_seconds():.1f} s after this began to wait")
    print(f"kubectl --kubeconfig {args.kubeconfig} get nodes")


def wait_for(missing: Callable[[], str], deadline: float) -> None:
    """Ask until it says "". Ends the process with 1 when the deadline (monotonic seconds) is past."""
    polling = Retrying(
        retry=retry_if_result(bool),
        wait=wait_fixed(RETRY_SECONDS),
        stop=lambda _: time.monotonic() > deadline,
        before_sleep=_teller(),
    )
    try:
        polling(missing)
    except RetryError:
        sys.exit(f"gave up after {WAIT_SECONDS:.0f} s")


def _teller() -> Callable[[RetryCallState], None]:
    """Prints what is waited for whenever that changes."""
    shown = ""

    def tell(state: RetryCallState) -> None:
        nonlocal shown
        text = str(state.outcome.result()) if state.outcome else ""
        if text != shown:
            print(f"waiting: {text}", flush=True)
            shown = text

    return tell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prepare")
    first.set_defaults(run=prepare)
    first.add_argument("--apiserver-ip", required=True)
    first.add_argument("--etcd-ip", required=True)
    first.add_argument("--published-port", type=int, default=6443)
    first.add_argument("--nodes", nargs="+", default=[], metavar="NAME=IP")
    second = commands.add_parser("addons")
    second.set_defaults(run=install_addons)
    second.add_argument("--apiserver-host", default="apiserver")
    second.add_argument("--apiserver-port", type=int, default=6443)
    second.add_argument("--dns-ip", required=True)
    second.add_argument("--dns-port", type=int, default=53)
    second.add_argument("--nodes", type=int, default=0, help="how many must be Ready")
    second.add_argument("--kubeconfig", default="kubeconfig", help="as people are told it")
    for one in (first, second):
        one.add_argument("--pki-dir", type=Path, required=True)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
