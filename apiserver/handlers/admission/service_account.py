"""ServiceAccount: every pod runs as one, and gets its token at the usual place."""

from __future__ import annotations

from typing import Any, Final

from apimachinery.names import generate_name
from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import PODS, Plugin, find, is_about, refuse
from apiserver.registry.request import JSON

ACCOUNTS: Final = GVR("", "v1", "serviceaccounts")
DEFAULT: Final = "default"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
TOKEN_SECONDS: Final = 3607
"""Upstream's number: an hour and a bit, which tells the signer that a longer token may be given."""
ROOT_CA: Final = "kube-root-ca.crt"
MIRROR: Final = "kubernetes.io/config.mirror"
ENFORCE: Final = "kubernetes.io/enforce-mountable-secrets"
ATTEMPTS: Final = 10
"""Looks for the account `default`, which its controller makes just after the namespace."""
RETRY_SECONDS: Final = 0.1


class ServiceAccount(Plugin):
    name = "ServiceAccount"

    async def mutate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create") or request.obj is None or is_mirror(request.obj):
            return
        spec = request.obj.setdefault("spec", {})
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = await _account(request, name)
        if _wants_token(spec, account):
            mount_token(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(one) for one in account["imagePullSecrets"]]

    async def validate(self, request: AdmissionRequest) -> None:
        if not is_about(request, PODS, "create") or request.obj is None:
            return
        spec = request.obj.get("spec") or {}
        if is_mirror(request.obj):
            if spec.get("serviceAccountName"):
                raise refuse(request, "a mirror pod may not reference service accounts")
            return
        account = await find(request, ACCOUNTS, request.namespace, spec.get("serviceAccountName") or DEFAULT)
        if account and (account["metadata"].get("annotations") or {}).get(ENFORCE) == "true":
            allowed = {one.get("name") for one in account.get("secrets") or ()}
            for name in sorted(_secrets(spec) - allowed):
                why = f'volume with secret.secretName="{name}" is not allowed because service account'
                raise refuse(request, f"{why} {account['metadata']['name']} does not reference that secret")


def is_mirror(pod: JSON) -> bool:
    return MIRROR in ((pod.get("metadata") or {}).get("annotations") or {})


async def _account(request: AdmissionRequest, name: str) -> JSON:
    for attempt in range(ATTEMPTS if name == DEFAULT else 1):
        if attempt:
            await request.clock.sleep(RETRY_SECONDS, "waiting for the default service account")
        account = await find(request, ACCOUNTS, request.namespace, name)
        if account is not None:
            return account
    why = f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
    raise refuse(request, why)


def _wants_token(spec: JSON, account: JSON) -> bool:
    own, inherited = spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")
    return bool(own if own is not None else True if inherited is None else inherited)


def mount_token(spec: JSON) -> None:
    """Mount the token volume in every container that has nothing there yet."""
    present = [one["name"] for one in spec.get("volumes") or () if str(one.get("name")).startswith(VOLUME_PREFIX)]
    name = present[0] if present else generate_name(VOLUME_PREFIX)
    needed = False
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        mounts = list(container.get("volumeMounts") or ())
        if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
            container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
            needed = True
    if needed and not present:
        spec["volumes"] = [*(spec.get("volumes") or ()), token_volume(name)]


def token_volume(name: str) -> JSON:
    """The token, the cluster's CA, and the namespace."""
    field: JSON = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources: list[JSON] = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}


def _secrets(spec: JSON) -> set[Any]:
    volumes = {(one.get("secret") or {}).get("secretName") for one in spec.get("volumes") or ()}
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        for variable in container.get("env") or ():
            volumes.add(((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name"))
    return volumes - {None}
