"""Topology spread constraints as the plugin works with them. Rules: API reference, `TopologySpreadConstraint`."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from api.placement import TopologySpreadConstraint
from apimachinery.selectors import LabelSelector
from scheduler.framework import Ints, Mask
from scheduler.node_table import NodeTable
from scheduler.plugins.node_affinity import matching_rows
from scheduler.plugins.taint_toleration import untolerated_rows
from scheduler.pod_info import PodInfo
from scheduler.pod_terms import parse, with_keys

HOSTNAME: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
SYSTEM_DEFAULTS: Final = {HOSTNAME: 3, ZONE: 5}
"""Topology key to the skew that is accepted without loss, for pods that say nothing themselves."""


class Constraint(NamedTuple):
    topology_key: str
    max_skew: int
    selector: LabelSelector
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


def explicit(pod: PodInfo, when_unsatisfiable: str) -> list[Constraint]:
    return [
        _constraint(one, pod)
        for one in pod.pod.spec.topology_spread_constraints
        if one.when_unsatisfiable == when_unsatisfiable
    ]


def system_defaults(pod: PodInfo, nodes: NodeTable) -> list[Constraint]:
    """Those of a pod that belongs to a Service or a controller."""
    selector = nodes.selectors.of(pod.pod)
    if selector.nothing:
        return []
    return [Constraint(key, skew, selector) for key, skew in SYSTEM_DEFAULTS.items()]


def eligible_rows(constraint: Constraint, pod: PodInfo, nodes: NodeTable) -> Mask:
    """Nodes whose pods and domains count, by the constraint's inclusion policies."""
    rows = nodes.present.copy()
    if constraint.honor_affinity:
        rows &= matching_rows(pod, nodes)
    if constraint.honor_taints:
        rows &= ~untolerated_rows(pod, nodes)
    return rows


def matching_pods(constraint: Constraint, pod: PodInfo, nodes: NodeTable) -> Ints:
    """Per row the pods that the constraint counts. Those being deleted do not count, nor does an empty selector."""
    totals = np.zeros(nodes.size, np.int64)
    if constraint.selector.everything:
        return totals
    for group in nodes.pods.selected(pod.pod.namespace, constraint.selector):
        if not group.terminating:
            group.add_to(totals)
    return totals


def _constraint(one: TopologySpreadConstraint, pod: PodInfo) -> Constraint:
    return Constraint(
        topology_key=one.topology_key,
        max_skew=one.max_skew,
        selector=with_keys(parse(one.label_selector), pod.pod.metadata.labels, one.match_label_keys),
        min_domains=one.min_domains or 1,
        honor_affinity=one.node_affinity_policy != "Ignore",
        honor_taints=one.node_taints_policy == "Honor",
    )
