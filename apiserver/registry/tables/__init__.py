"""Tables as `kubectl get` shows them, rendered by the server.

Belongs: columns and cells of each built-in kind, pure functions of an object and the time. Does not: the `Table` and
its rows' partial objects, which the HTTP front door builds; printer columns of custom resources. Imported by that
front door.
"""

from __future__ import annotations

from apimachinery.resources import GVK
from apiserver.registry.tables import cluster, network, pods, policy, storage, workloads
from apiserver.registry.tables.cells import AGE, JSON, NAME, Cells, Table, age, name

TABLES: dict[tuple[str, str], Table] = {
    **pods.TABLES,
    **workloads.TABLES,
    **cluster.TABLES,
    **network.TABLES,
    **storage.TABLES,
    **policy.TABLES,
}
"""By (group, kind): versions of a kind share a table, save those in `workloads.BY_VERSION`."""

DEFAULT = Table((NAME, AGE), lambda obj, now: [name(obj), age(obj, now)])


def table_of(gvk: GVK) -> Table:
    return workloads.BY_VERSION.get(gvk) or TABLES.get((gvk.group, gvk.kind)) or DEFAULT


def columns(gvk: GVK) -> list[JSON]:
    """The `columnDefinitions` of a kind's table."""
    return [column.to_json() for column in table_of(gvk).columns]


def rows(gvk: GVK, obj: JSON, now: float) -> Cells:
    """The `cells` of an object's row, one per column. `now` is cluster time in Unix seconds."""
    return table_of(gvk).row(obj, now)
