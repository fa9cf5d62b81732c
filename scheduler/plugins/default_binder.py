"""Binds through the `binding` subresource of the pod: the apiserver sets the node, once."""

from __future__ import annotations

from typing import Any, Protocol

from api.pod import Pod
from apimachinery.errors import ApiError
from apimachinery.resources import GVR
from scheduler.framework import SUCCESS, Code, CycleState, Status
from scheduler.pod_info import PodInfo


class Binder(Protocol):
    """The one call of `client.api.ApiClient` that binding needs."""

    async def create_raw(
        self, gvr: GVR, obj: dict[str, Any], *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> object: ...


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, api: Binder) -> None:
        self._api = api

    async def bind(self, state: CycleState, pod: PodInfo, node: str) -> Status:
        meta = pod.pod.metadata
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Binding",
            # The uid makes sure that a pod recreated under the same name is not bound by mistake.
            "metadata": {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid},
            "target": {"kind": "Node", "name": node},
        }
        try:
            await self._api.create_raw(
                Pod.RESOURCE, body, namespace=meta.namespace, name=meta.name, subresource="binding"
            )
        except ApiError as error:
            return Status(Code.ERROR, (error.message,), self.name)
        return SUCCESS
