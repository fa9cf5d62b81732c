"""componentstatuses: long deprecated, still asked for by `kubectl get cs`."""

from __future__ import annotations

from apimachinery.errors import ApiError, not_found
from apiserver.registry.request import JSON, Request
from apiserver.registry.subresources.call import not_allowed
from apiserver.storage.etcd import Etcd


class ComponentStatuses:
    """Only what the apiserver can see for itself: etcd."""

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd

    async def get(self, request: Request) -> JSON:
        found = [one for one in await self.list(request) if one["metadata"]["name"] == request.name]
        if not found:
            raise not_found("", "componentstatuses", request.name)
        return found[0]

    async def list(self, request: Request) -> list[JSON]:
        try:
            await self._etcd.status()
        except ApiError as error:
            return [_status("etcd-0", healthy=False, message=error.message)]
        return [_status("etcd-0", healthy=True, message="ok")]

    async def create(self, request: Request) -> JSON:
        raise not_allowed()


def _status(name: str, *, healthy: bool, message: str) -> JSON:
    condition = {"type": "Healthy", "status": "True" if healthy else "False", "message": message}
    return {
        "apiVersion": "v1",
        "kind": "ComponentStatus",
        "metadata": {"name": name, "creationTimestamp": None},
        "conditions": [condition],
    }
