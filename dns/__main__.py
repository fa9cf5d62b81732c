"""`python -m dns`: the cluster DNS."""

from __future__ import annotations

from dns.config import Config
from dns.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "dns")
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
