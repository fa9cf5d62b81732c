"""What may run beside what (`make test` runs pytest-xdist): a group stays in one process, in order.

Whole clusters first, for they take longest and mostly wait; the pure tests fill the gaps that they leave.
"""

from __future__ import annotations

from pathlib import PurePath

import pytest

OWN_CLUSTER = ("test_debug_sim", "test_labs_sim", "test_source_sim")
"""Files of packages with one cluster for all that start another for themselves."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path.relative_to(config.rootpath))))
    items.sort(key=lambda item: not is_whole_cluster(item.path.relative_to(config.rootpath)))


def group_of(path: PurePath) -> str:
    """A test file's group: its package where that shares a cluster, else itself."""
    package = path.parent
    return str(package if is_whole_cluster(path) and path.stem not in OWN_CLUSTER else path)


def is_whole_cluster(path: PurePath) -> bool:
    return path.parent.name.startswith("e2e")
