"""Does a pod tolerate a taint? (API documentation, "Taints and Tolerations".)"""

from __future__ import annotations

from collections.abc import Iterable

from api.node import Taint
from api.placement import Toleration


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    # Without a key only `Exists` may stand; anything else tolerates nothing.
    return bool(toleration.key) and toleration.operator in ("", "Equal") and toleration.value == taint.value


def tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)
