"""`python -m scheduler`: gives pods their nodes."""

from __future__ import annotations

from scheduler.config import Config
from scheduler.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "scheduler")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
