"""ClusterRole, rbac.authorization.k8s.io/v1: as much as aggregation needs."""

from __future__ import annotations

from typing import Any, ClassVar

from api.meta import KubeObject, LabelSelector, Struct
from apimachinery.resources import GVR


class AggregationRule(Struct, frozen=True):
    cluster_role_selectors: tuple[LabelSelector, ...] = ()


class ClusterRole(KubeObject, frozen=True):
    """`rules` stay plain JSON: they are only passed on."""

    RESOURCE: ClassVar[GVR] = GVR("rbac.authorization.k8s.io", "v1", "clusterroles")
    KIND: ClassVar[str] = "ClusterRole"

    aggregation_rule: AggregationRule | None = None
    rules: tuple[dict[str, Any], ...] | None = None
