"""Secrets. `stringData` is for writing only: it is folded into `data` and never stored."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from apiserver.registry.checks import JSON, Errors, invalid, required, too_long, unchanged
from apiserver.registry.core.configmap import SIZE_MAX_BYTES, validate_frozen, validate_keys
from apiserver.registry.strategy import Strategy

SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name"
TOKEN_TYPE = "kubernetes.io/service-account-token"
_NEEDED_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_JSON_KEYS = {".dockercfg", ".dockerconfigjson"}


class SecretStrategy(Strategy):
    selectable_fields = ("type",)

    def defaults(self, obj: JSON) -> None:
        if not obj.get("type"):
            obj["type"] = "Opaque"
        written = obj.pop("stringData", None)
        if written:
            encoded = {key: base64.b64encode((value or "").encode()).decode() for key, value in written.items()}
            obj["data"] = {**(obj.get("data") or {}), **encoded}

    def validate(self, obj: JSON) -> Errors:
        data = obj.get("data") or {}
        errors = validate_keys("data", data)
        if sum(len(value or "") * 3 // 4 for value in data.values()) > SIZE_MAX_BYTES:
            errors.append(too_long("data", SIZE_MAX_BYTES))
        return errors + _type_errors(obj.get("type") or "", obj["metadata"], data)

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors = unchanged("type", old.get("type"), new.get("type"))
        return errors + validate_frozen(old, new, ("data",)) + self.validate(new)


def _type_errors(kind: str, metadata: JSON, data: JSON) -> Errors:
    """What the types that Kubernetes knows must carry."""
    if kind == TOKEN_TYPE:
        owner = (metadata.get("annotations") or {}).get(SERVICE_ACCOUNT_NAME)
        return [] if owner else [required(f"metadata.annotations[{SERVICE_ACCOUNT_NAME}]")]
    if kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            return [required("data[username]"), required("data[password]")]
        return []
    errors: Errors = []
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in data:
            errors.append(required(f"data[{key}]"))
        elif key in _JSON_KEYS and not _is_json(data[key]):
            errors.append(invalid(f"data[{key}]", "<secret contents redacted>", "invalid character in JSON"))
    return errors


def _is_json(encoded: Any) -> bool:
    try:
        json.loads(base64.b64decode(encoded or ""))
    except (binascii.Error, ValueError):
        return False
    return True
