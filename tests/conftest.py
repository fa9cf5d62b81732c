"""What may run beside what, where `make test` runs several processes: a group stays in one of them, in order.

Whole clusters first, for they take longest and mostly wait; the pure tests fill the gaps that they leave.
"""

from __future__ import annotations

import signal
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

OWN_CLUSTER = ("test_debug_sim", "test_labs_sim", "test_labs_sim_later", "test_ordinary_user", "test_source_sim")
"""Files of packages with one cluster for all that start another for themselves."""


def pytest_configure() -> None:
    """A shell that starts us in the background has us ignore Ctrl-C, and whatever a test starts would ignore it too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not is_whole_cluster(item.path.relative_to(config.rootpath)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(PurePath(nodeid.partition("::")[0]))

    return ByGroup(config, log)


def group_of(path: PurePath) -> str:
    """A test file's group: its package where that shares a cluster, or one network of Docker's; else itself."""
    shares_network = path.parent.name == "contract" and path.stem.startswith("test_cri")
    shares_cluster = is_whole_cluster(path) and path.stem not in OWN_CLUSTER
    return str(path.parent if shares_cluster or shares_network else path)


def is_whole_cluster(path: PurePath) -> bool:
    return path.parent.name.startswith("e2e")
