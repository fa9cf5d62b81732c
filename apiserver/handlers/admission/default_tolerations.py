"""DefaultTolerationSeconds: a pod may stay five minutes on a node that is not ready or cannot be reached."""

from __future__ import annotations

from typing import Final

from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import PODS, Plugin, is_about
from apiserver.registry.request import JSON

SECONDS: Final = 300
TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class DefaultTolerationSeconds(Plugin):
    name = "DefaultTolerationSeconds"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create", "update") or request.obj is None:
            return
        if not request.obj["metadata"].get("deletionTimestamp"):
            add_tolerations(request.obj.setdefault("spec", {}))


def add_tolerations(spec: JSON) -> None:
    given = list(spec.get("tolerations") or ())
    missing = [key for key in TAINTS if not any(_tolerates(one, key) for one in given)]
    added = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS} for key in missing]
    if added:
        spec["tolerations"] = given + added


def _tolerates(toleration: JSON, key: str) -> bool:
    return toleration.get("key") in (key, None, "") and toleration.get("effect") in ("NoExecute", None, "")
