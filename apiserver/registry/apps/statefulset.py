"""StatefulSets: numbered pods with storage of their own."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, each, enum, forbidden, int_or_percent, non_negative
from apiserver.registry.core.persistentvolumeclaim import default_claim_spec, validate_claim_spec
from apiserver.registry.core.pod_defaults import default_template
from apiserver.registry.core.workload import validate_selected_template
from apiserver.registry.strategy import Context, Strategy

CHANGEABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
FROZEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


class StatefulSetStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        for key, value in (("replicas", 1), ("revisionHistoryLimit", 10), ("podManagementPolicy", "OrderedReady")):
            if spec.get(key) in (None, ""):
                spec[key] = value
        strategy = spec["updateStrategy"] = spec.get("updateStrategy") or {}
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
            strategy["rollingUpdate"] = strategy.get("rollingUpdate") or {}
        rolling = strategy.get("rollingUpdate")
        if strategy["type"] == "RollingUpdate" and rolling is not None:
            for key, value in (("partition", 0), ("maxUnavailable", 1)):
                if rolling.get(key) is None:
                    rolling[key] = value
        retention = spec["persistentVolumeClaimRetentionPolicy"] = (
            spec.get("persistentVolumeClaimRetentionPolicy") or {}
        )
        for key in ("whenDeleted", "whenScaled"):
            if not retention.get(key):
                retention[key] = "Retain"
        for claim in spec.get("volumeClaimTemplates") or ():
            _default_claim(claim)
        default_template(spec.get("template"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"availableReplicas": 0, "replicas": 0}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = enum("spec.podManagementPolicy", spec.get("podManagementPolicy"), ("OrderedReady", "Parallel"))
        strategy = spec.get("updateStrategy") or {}
        errors += enum("spec.updateStrategy.type", strategy.get("type"), ("RollingUpdate", "OnDelete"))
        rolling = strategy.get("rollingUpdate") or {}
        errors += non_negative("spec.updateStrategy.rollingUpdate.partition", rolling.get("partition"))
        if rolling.get("maxUnavailable") is not None:
            at = "spec.updateStrategy.rollingUpdate.maxUnavailable"
            errors += int_or_percent(at, rolling["maxUnavailable"])
        retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
        for field in ("whenDeleted", "whenScaled"):
            at = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            errors += enum(at, retention.get(field), ("Delete", "Retain"))
        for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
            errors += non_negative(f"spec.{field}", spec.get(field))
        errors += each("spec.volumeClaimTemplates", spec.get("volumeClaimTemplates"), _claim_template)
        return errors + validate_selected_template({**spec, "template": _with_claims(spec)}, "statefulset")

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = ({key: value for key, value in obj["spec"].items() if key not in CHANGEABLE} for obj in (old, new))
        return self.validate(new) + ([] if was == now else [forbidden("spec", FROZEN)])


def _default_claim(claim: JSON) -> None:
    claim.setdefault("apiVersion", "v1")
    claim.setdefault("kind", "PersistentVolumeClaim")
    default_claim_spec(claim.setdefault("spec", {}))
    if not (claim.get("status") or {}).get("phase"):
        claim["status"] = {**(claim.get("status") or {}), "phase": "Pending"}


def _claim_template(path: str, claim: JSON) -> Errors:
    return validate_claim_spec(f"{path}.spec", claim.get("spec") or {})


def _with_claims(spec: JSON) -> JSON:
    """The template with a volume per claim template, as its pods will have, so that their mounts are known."""
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    claims = [(claim.get("metadata") or {}).get("name") for claim in spec.get("volumeClaimTemplates") or ()]
    extra = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims if name]
    own = [volume for volume in pod.get("volumes") or () if volume.get("name") not in claims]
    return {**template, "spec": {**pod, "volumes": own + extra}}
