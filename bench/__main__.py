"""`make bench`: start-up, memory and pods of a cluster beside their baselines; then idle seams against none."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import memory, pods, seams, startup
from tests.support.cluster import Cluster
from tests.support.kubectl import Kubectl, find_kubectls


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("-n", type=int, default=20, help="how many pods (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each of everything (default: %(default)s)")
    parser.add_argument("--no-swarm", action="store_true", help="leave Docker Swarm out")
    parser.add_argument("--no-seams", action="store_true", help="leave out what the seams cost")
    args = parser.parse_args()
    kubectls = find_kubectls()
    if not kubectls:
        sys.exit("bench: no kubectl of 1.31 to 1.33 found")
    with tempfile.TemporaryDirectory() as home:
        cluster = Cluster("bench", Path(home))
        try:
            startup.report(cluster)
            kubectl = Kubectl(next(iter(kubectls.values())), cluster.kubeconfig, cluster.context)
            memory.report(cluster)
            pods.report(kubectl, args.n, args.rounds, swarm=not args.no_swarm)
        finally:
            cluster.orrery("down", check=False)
    if not args.no_seams:
        seams.report(args.rounds)


if __name__ == "__main__":
    main()
