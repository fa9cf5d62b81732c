"""`python -m controller_manager`: the control loops."""

from __future__ import annotations

from controller_manager.config import Config
from controller_manager.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "controller_manager")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
