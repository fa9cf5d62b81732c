"""Device classes, claims and slices (dynamic resource allocation)."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, required, unchanged
from apiserver.registry.strategy import Context, Strategy


def default_claim_spec(spec: JSON) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        exact = request.get("exactly")
        for one in [exact] if exact is not None else request.get("firstAvailable") or ():
            _default_request(one)


def _default_request(request: JSON) -> None:
    if not request.get("allocationMode"):
        request["allocationMode"] = "ExactCount"
    if request["allocationMode"] == "ExactCount" and not request.get("count"):
        request["count"] = 1
    for toleration in request.get("tolerations") or ():
        if not toleration.get("operator"):
            toleration["operator"] = "Equal"


def _requests(path: str, spec: JSON) -> Errors:
    errors: Errors = []
    for index, request in enumerate((spec.get("devices") or {}).get("requests") or ()):
        at = f"{path}.devices.requests[{index}]"
        errors += [] if request.get("name") else [required(f"{at}.name")]
        if request.get("exactly") is None and not request.get("firstAvailable"):
            errors.append(required(at, "exactly one of `exactly` or `firstAvailable` is required"))
    return errors


class ResourceClaimStrategy(Strategy):
    status_metadata = frozenset(("finalizers",))

    def defaults(self, obj: JSON) -> None:
        default_claim_spec(obj.setdefault("spec", {}))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {}

    def validate(self, obj: JSON) -> Errors:
        return _requests("spec", obj.get("spec") or {})

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return unchanged("spec", old.get("spec"), new.get("spec"))


class ResourceClaimTemplateStrategy(Strategy):
    def defaults(self, obj: JSON) -> None:
        default_claim_spec(obj.setdefault("spec", {}).setdefault("spec", {}))

    def validate(self, obj: JSON) -> Errors:
        return _requests("spec.spec", (obj.get("spec") or {}).get("spec") or {})

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return unchanged("spec", old.get("spec"), new.get("spec"))


class DeviceClassStrategy(Strategy):
    tracks_generation = True


class ResourceSliceStrategy(Strategy):
    tracks_generation = True
    selectable_fields = ("spec.nodeName", "spec.driver")

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = [] if spec.get("driver") else [required("spec.driver")]
        return errors if (spec.get("pool") or {}).get("name") else [*errors, required("spec.pool.name")]

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = old["spec"], new["spec"]
        errors = self.validate(new)
        for field in ("driver", "nodeName"):
            errors += unchanged(f"spec.{field}", was.get(field), now.get(field))
        return errors
