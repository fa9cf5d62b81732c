"""PodDisruptionBudget, policy/v1."""

from __future__ import annotations

from typing import ClassVar

from api.meta import Condition, KubeObject, LabelSelector, Struct
from apimachinery.resources import GVR


class PodDisruptionBudgetSpec(Struct, frozen=True):
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    selector: LabelSelector | None = None


class PodDisruptionBudgetStatus(Struct, frozen=True):
    """The four counts are shown even at zero, so they have no default that could be left out."""

    observed_generation: int = 0
    disrupted_pods: dict[str, str] = {}
    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None
    expected_pods: int | None = None
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("policy", "v1", "poddisruptionbudgets")
    KIND: ClassVar[str] = "PodDisruptionBudget"

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()
