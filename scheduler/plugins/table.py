"""Which plugins there are, in the order they run, and what each one's score weighs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from scheduler.framework import Plugin
from scheduler.plugins.balanced_allocation import BalancedAllocation
from scheduler.plugins.default_binder import Binder, DefaultBinder
from scheduler.plugins.image_locality import ImageLocality
from scheduler.plugins.inter_pod_affinity import InterPodAffinity
from scheduler.plugins.node_affinity import NodeAffinity
from scheduler.plugins.node_name import NodeName
from scheduler.plugins.node_ports import NodePorts
from scheduler.plugins.node_resources_fit import NodeResourcesFit
from scheduler.plugins.node_unschedulable import NodeUnschedulable
from scheduler.plugins.pod_topology_spread import PodTopologySpread
from scheduler.plugins.priority_sort import PrioritySort
from scheduler.plugins.scheduling_gates import SchedulingGates
from scheduler.plugins.taint_toleration import TaintToleration

PLUGINS: Final[dict[str, Callable[[Binder], Plugin]]] = {
    "SchedulingGates": lambda api: SchedulingGates(),
    "PrioritySort": lambda api: PrioritySort(),
    "NodeUnschedulable": lambda api: NodeUnschedulable(),
    "NodeName": lambda api: NodeName(),
    "TaintToleration": lambda api: TaintToleration(),
    "NodeAffinity": lambda api: NodeAffinity(),
    "NodePorts": lambda api: NodePorts(),
    "NodeResourcesFit": lambda api: NodeResourcesFit(),
    "PodTopologySpread": lambda api: PodTopologySpread(),
    "InterPodAffinity": lambda api: InterPodAffinity(),
    "NodeResourcesBalancedAllocation": lambda api: BalancedAllocation(),
    "ImageLocality": lambda api: ImageLocality(),
    "DefaultBinder": DefaultBinder,
}

WEIGHTS: Final[dict[str, int]] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}
