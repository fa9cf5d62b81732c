"""`python -m cri`: the container runtime of one node."""

from __future__ import annotations

from cri.config import Config
from cri.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "cri")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
