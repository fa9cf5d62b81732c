"""`python -m kubelet`: the kubelet of one node."""

from __future__ import annotations

from kubelet.config import Config
from kubelet.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "kubelet")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
