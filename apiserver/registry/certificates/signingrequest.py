"""CertificateSigningRequests: who asks is the server's word; approval and issuing are writes of their own."""

from __future__ import annotations

import base64
import binascii
from typing import ClassVar, Final

from apimachinery.timestamps import format_time
from apiserver.registry.checks import JSON, Errors, forbidden, invalid, required, unchanged
from apiserver.registry.strategy import Context, Strategy, SubresourceStrategy, merged_metadata

DECISIONS: Final = ("Approved", "Denied")
CONDITIONS: Final = (*DECISIONS, "Failed")
MIN_SECONDS: Final = 600


class Approval(SubresourceStrategy):
    """`certificatesigningrequests/approval`: only the conditions are taken from the request."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        conditions = (new.get("status") or {}).get("conditions") or []
        _only_status(old, new)
        new["status"] = {**(old.get("status") or {}), "conditions": _stamped(old, conditions, ctx.now)}

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return validate_conditions(old, new, may_decide=True)


class Status(SubresourceStrategy):
    """`certificatesigningrequests/status`: the certificate and failures; decisions stay as they are."""

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        given = new.get("status") or {}
        _only_status(old, new)
        decided = [one for one in _conditions(old) if one.get("type") in DECISIONS]
        others = [one for one in given.get("conditions") or () if one.get("type") not in DECISIONS]
        new["status"] = {**given, "conditions": _stamped(old, decided + others, ctx.now)}

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors = validate_conditions(old, new, may_decide=False)
        was, now = ((one.get("status") or {}).get("certificate") for one in (old, new))
        if was and was != now:
            errors.append(forbidden("status.certificate", "updates may not modify existing certificate content"))
        return errors


def _only_status(old: JSON, new: JSON) -> None:
    metadata = merged_metadata(old["metadata"], new["metadata"], frozenset())
    new.clear()
    new.update(old)
    new["metadata"] = metadata


def _conditions(obj: JSON) -> list[JSON]:
    return list((obj.get("status") or {}).get("conditions") or ())


def _stamped(old: JSON, conditions: list[JSON], now: float) -> list[JSON]:
    """With the times that a client may leave to the server."""
    before = {one.get("type"): one for one in _conditions(old)}
    text = format_time(now)
    stamped = []
    for condition in conditions:
        one = dict(condition)
        if not one.get("status"):
            one["status"] = "True"
        if not one.get("lastUpdateTime"):
            one["lastUpdateTime"] = text
        if not one.get("lastTransitionTime"):
            same = before.get(one.get("type"), {})
            one["lastTransitionTime"] = same.get("lastTransitionTime") or text
        stamped.append(one)
    return stamped


def validate_conditions(old: JSON, new: JSON, *, may_decide: bool) -> Errors:
    kinds = [str(one.get("type")) for one in _conditions(new)]
    errors: Errors = []
    for index, kind in enumerate(kinds):
        if not kind:
            errors.append(required(f"status.conditions[{index}].type"))
        elif kinds.index(kind) != index:
            errors.append(invalid(f"status.conditions[{index}].type", kind, "must be unique"))
        elif kind in DECISIONS and (_conditions(new)[index]).get("status") != "True":
            value = _conditions(new)[index].get("status")
            errors.append(invalid(f"status.conditions[{index}].status", value, 'must be "True"'))
    if set(DECISIONS) <= set(kinds):
        errors.append(invalid("status.conditions", kinds, "Approved and Denied conditions are mutually exclusive"))
    for kind in DECISIONS:
        had = any(one.get("type") == kind for one in _conditions(old))
        if had and kind not in kinds:
            errors.append(forbidden("status.conditions", f'updates may not remove a condition of type "{kind}"'))
    return errors


class CertificateSigningRequestStrategy(Strategy):
    selectable_fields = ("spec.signerName",)
    subresources: ClassVar[dict[str, SubresourceStrategy]] = {"approval": Approval(), "status": Status()}

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        spec, user = obj.setdefault("spec", {}), ctx.user
        for field in ("username", "uid", "groups", "extra"):
            spec.pop(field, None)
        spec["username"] = user.name
        if user.uid:
            spec["uid"] = user.uid
        if user.groups:
            spec["groups"] = list(user.groups)
        if user.extra:
            spec["extra"] = {key: list(values) for key, values in user.extra.items()}
        if not spec.get("usages"):
            spec["usages"] = ["digital signature", "key encipherment"]
        obj["status"] = {}

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        new["spec"] = old.get("spec") or {}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors = [] if spec.get("signerName") else [required("spec.signerName")]
        if spec.get("signerName") and "/" not in spec["signerName"]:
            why = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
            errors.append(invalid("spec.signerName", spec["signerName"], why))
        if not _is_request(spec.get("request") or ""):
            errors.append(invalid("spec.request", spec.get("request"), "PEM block type must be CERTIFICATE REQUEST"))
        seconds = spec.get("expirationSeconds")
        if seconds is not None and seconds < MIN_SECONDS:
            errors.append(
                invalid(
                    "spec.expirationSeconds", seconds, "may not specify a duration less than 600 seconds (10 minutes)"
                )
            )
        return errors

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return unchanged("spec", old.get("spec"), new.get("spec"))


def _is_request(encoded: str) -> bool:
    try:
        return b"-----BEGIN CERTIFICATE REQUEST-----" in base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
