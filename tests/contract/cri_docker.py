"""The Docker runtime under test, on a network and under a cluster name of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.cri_harness import Cri

needs_docker = pytest.mark.skipif(True, reason="no Docker runtime yet")


@asynccontextmanager
async def docker_runtime(directory: Path) -> AsyncIterator[Cri]:
    raise NotImplementedError
    yield
