"""Runs the admission chain for one request, and gives plugins their view of the cache."""

from __future__ import annotations

from collections.abc import Sequence

from apiserver.handlers.admission import AdmissionPlugin, AdmissionRequest, LiveReader
from apiserver.registry.request import JSON, Request
from apiserver.registry.resource import Resource
from wire.seams import Seams

_VERBS = {"patch": "update", "deletecollection": "delete"}


class Admitter:
    """Implements `registry.store.Admission` for one request. Warnings of plugins gather in `warnings`."""

    def __init__(
        self,
        chain: Sequence[AdmissionPlugin],
        request: Request,
        resource: Resource,
        reader: LiveReader,
        seams: Seams,
        *,
        verb: str = "",
        subresource: str | None = None,
    ) -> None:
        self._chain = chain
        self._request = request
        self._resource = resource
        self._reader = reader
        self._seams = seams
        self._verb = verb or _VERBS.get(request.verb, request.verb)
        self._subresource = request.subresource if subresource is None else subresource
        self.warnings: list[str] = []

    async def mutate(self, new: JSON | None, old: JSON | None) -> None:
        with self._seams.tracer.step("admission mutate", resource=self._resource.name):
            view = self._view(new, old)
            for plugin in self._chain:
                await plugin.mutate(view)

    async def validate(self, new: JSON | None, old: JSON | None) -> None:
        with self._seams.tracer.step("admission validate", resource=self._resource.name):
            view = self._view(new, old)
            for plugin in self._chain:
                await plugin.validate(view)

    def _view(self, new: JSON | None, old: JSON | None) -> AdmissionRequest:
        request = self._request
        metadata = (new or old or {}).get("metadata", {})
        return AdmissionRequest(
            verb=self._verb,
            gvr=self._resource.storage,
            kind=self._resource.kind,
            namespace=request.namespace or metadata.get("namespace", ""),
            name=request.name or metadata.get("name", ""),
            user=request.user,
            obj=new,
            old=old,
            reader=self._reader,
            clock=self._seams.clock,
            subresource=self._subresource,
            options=request.body if request.verb in ("delete", "deletecollection") and request.body else {},
            dry_run=request.dry_run,
            warnings=self.warnings,
        )
