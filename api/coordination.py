"""Lease, coordination.k8s.io/v1."""

from __future__ import annotations

from typing import ClassVar

from api.meta import KubeObject, Struct
from apimachinery.resources import GVR


class LeaseSpec(Struct, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(KubeObject, frozen=True):
    RESOURCE: ClassVar[GVR] = GVR("coordination.k8s.io", "v1", "leases")
    KIND: ClassVar[str] = "Lease"

    spec: LeaseSpec = LeaseSpec()
