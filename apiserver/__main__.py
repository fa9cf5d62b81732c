"""`python -m apiserver`: the API server process."""

from __future__ import annotations

import asyncio

import uvloop

from apiserver.config import Config
from apiserver.server import run
from wire.process import parse_flags, run_process


def main() -> None:
    config = parse_flags(Config, "apiserver")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    run_process(lambda stop: run(config, stop=stop), verbose=config.verbose)


if __name__ == "__main__":
    main()
