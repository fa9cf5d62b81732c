"""TaintNodesByCondition: pods keep off a new node until its lifecycle controller has seen that it is ready."""

from __future__ import annotations

from typing import Final

from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, is_about

NOT_READY: Final = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition(Plugin):
    name = "TaintNodesByCondition"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, ("", "nodes"), "create") or request.obj is None:
            return
        spec = request.obj.setdefault("spec", {})
        taints = list(spec.get("taints") or ())
        if not any(one.get("key") == NOT_READY["key"] and one.get("effect") == NOT_READY["effect"] for one in taints):
            spec["taints"] = [*taints, dict(NOT_READY)]
