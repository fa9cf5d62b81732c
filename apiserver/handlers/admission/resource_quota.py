"""ResourceQuota: a namespace holds no more than its quotas allow. Runs last, when all else has agreed.

Use is counted from the cache, plus what this apiserver has let through and the cache has not seen yet.
k8s differs: upstream books use in the quota's status before the write, so that several apiservers cannot let through
too much together; here each may do so by what it admits within the moment its cache lags. The status is a controller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, refuse
from apiserver.handlers.admission.quota_usage import covers, exceeded, shown, total, unspecified, usage
from apiserver.registry.core.pod_resources import Amounts
from apiserver.registry.request import JSON

QUOTAS: Final = GVR("", "v1", "resourcequotas")
PENDING_SECONDS: Final = 10.0
"""After this long an admitted object that the cache does not know was not stored."""
PENDING_MAX: Final = 10_000
"""Objects remembered as admitted but not seen, over all namespaces; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class _Pending:
    gvr: GVR
    namespace: str
    obj: JSON
    until: float


class ResourceQuota(Plugin):
    name = "ResourceQuota"

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}

    async def validate(self, request: AdmissionRequest) -> None:
        if request.obj is None or not request.namespace or not _counted(request):
            return
        quotas = request.reader.list(QUOTAS, request.namespace)
        if not quotas:
            return
        for quota in quotas:
            self._check(request, quota, request.obj)
        if request.verb == "create" and not request.dry_run:
            self._remember(request, request.obj)

    def _check(self, request: AdmissionRequest, quota: JSON, obj: JSON) -> None:
        resource, hard = request.gvr.resource, (quota.get("spec") or {}).get("hard") or {}
        if not covers(quota, resource, obj):
            return
        name = quota["metadata"]["name"]
        if resource == "pods":
            silent = unspecified(hard, obj)
            if silent:
                raise refuse(request, f"failed quota: {name}: must specify {'; '.join(silent)}")
        asked = usage(request.gvr.group, resource, obj)
        used = total(request.gvr.group, resource, self._others(request, obj), quota)
        if request.verb == "update" and not _grows(asked, usage(request.gvr.group, resource, request.old or {})):
            return
        over = exceeded(hard, used, asked)
        if over:
            limited = ",".join(f"{one}={hard[one]}" for one in over)
            what = f"requested: {shown(asked, over)}, used: {shown(used, over)}, limited: {limited}"
            raise refuse(request, f"exceeded quota: {name}, {what}")

    def _others(self, request: AdmissionRequest, obj: JSON) -> list[JSON]:
        """All other objects of the kind in the namespace, those on their way included."""
        uid, now = obj["metadata"].get("uid"), request.clock.time()
        stored = {one["metadata"].get("uid"): one for one in request.reader.list(request.gvr, request.namespace)}
        for key, pending in list(self._pending.items()):
            if pending.until <= now or (pending.gvr == request.gvr and key in stored):
                del self._pending[key]
            elif pending.gvr == request.gvr and pending.namespace == request.namespace:
                stored[key] = pending.obj
        return [one for key, one in stored.items() if key != uid]

    def _remember(self, request: AdmissionRequest, obj: JSON) -> None:
        while len(self._pending) >= PENDING_MAX:
            del self._pending[next(iter(self._pending))]
        until = request.clock.time() + PENDING_SECONDS
        self._pending[obj["metadata"].get("uid") or ""] = _Pending(request.gvr, request.namespace, obj, until)


def _counted(request: AdmissionRequest) -> bool:
    if request.verb == "create":
        return not request.subresource
    return request.verb == "update" and request.subresource in ("", "resize")


def _grows(asked: Amounts, before: Amounts) -> bool:
    return any(name not in before or value > before[name] for name, value in asked.items())
