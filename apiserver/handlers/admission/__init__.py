"""Admission: what may change or refuse a write after authorization. One file per plugin, one table of their order.

A plugin sees the object as it would be stored; `mutate` may change it in place, `validate` may only raise ApiError.
The pipeline imports the interface and `chain.CHAIN`; plugins import nothing of the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from apimachinery.clock import Clock
from apimachinery.resources import GVR
from apiserver.registry.request import JSON, User
from apiserver.registry.strategy import Reader


class LiveReader(Reader, Protocol):
    """The cache, and etcd itself for what the cache may not have heard of yet."""

    async def fetch(self, gvr: GVR, namespace: str, name: str) -> JSON | None: ...


@dataclass(slots=True)
class AdmissionRequest:
    """One write under admission."""

    verb: str
    """create update delete connect (a patch is an update, or a create)"""
    gvr: GVR
    kind: str
    namespace: str
    name: str
    user: User
    obj: JSON | None
    """What is to be stored; for a subresource with a kind of its own (Binding, Eviction, Scale), that. None on delete.
    `mutate` changes it in place."""
    old: JSON | None
    """What is stored now, on update and delete."""
    reader: LiveReader
    clock: Clock
    subresource: str = ""
    options: JSON = field(default_factory=dict)
    """CreateOptions, UpdateOptions, PatchOptions or DeleteOptions."""
    dry_run: bool = False
    warnings: list[str] = field(default_factory=list)
    """Plugins append texts for the `Warning` header."""


class AdmissionPlugin(Protocol):
    """One step of the chain. Stateless, or with its state in the objects that it reads."""

    name: str

    async def mutate(self, request: AdmissionRequest) -> None: ...

    async def validate(self, request: AdmissionRequest) -> None: ...
