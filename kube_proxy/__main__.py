"""`python -m kube_proxy`: the service proxy of one node."""

from __future__ import annotations

from kube_proxy.config import Config
from kube_proxy.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "kube_proxy")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
