"""CertificateApproval and CertificateSigning: who may approve or sign is asked per signer.

The verb is `approve` or `sign` on `signers.certificates.k8s.io`, by the signer's name or by `DOMAIN/*`.
"""

from __future__ import annotations

import base64
from typing import Final

from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import Plugin, is_about, refuse
from apiserver.handlers.authz import Attributes, Authorizer
from apiserver.registry.request import JSON

GROUP: Final = "certificates.k8s.io"
REQUESTS: Final = (GROUP, "certificatesigningrequests")


async def _may(authorizer: Authorizer, request: AdmissionRequest, verb: str, signer: str) -> bool:
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        attrs = Attributes(request.user, verb, GROUP, "v1", "signers", "", "", name)
        if (await authorizer.authorize(attrs)).allowed:
            return True
    return False


def _signer(obj: JSON | None) -> str:
    return str(((obj or {}).get("spec") or {}).get("signerName") or "")


class CertificateApproval(Plugin):
    name = "CertificateApproval"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate(self, request: AdmissionRequest) -> None:
        if not is_about(request, REQUESTS, "update", subresource="approval"):
            return
        signer = _signer(request.old)
        if not await _may(self._authorizer, request, "approve", signer):
            raise refuse(request, f'user not permitted to approve requests with signerName "{signer}"')


class CertificateSigning(Plugin):
    name = "CertificateSigning"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def validate(self, request: AdmissionRequest) -> None:
        if not is_about(request, REQUESTS, "update", subresource="status"):
            return
        before, after = ((one or {}).get("status") or {} for one in (request.old, request.obj))
        if before == after:
            return
        signer = _signer(request.old)
        if not await _may(self._authorizer, request, "sign", signer):
            raise refuse(request, f'user not permitted to sign requests with signerName "{signer}"')


class CertificateSubjectRestriction(Plugin):
    name = "CertificateSubjectRestriction"

    async def validate(self, request: AdmissionRequest) -> None:
        """Nobody becomes a superuser by a certificate."""
        if not is_about(request, REQUESTS, "create") or request.obj is None:
            return
        if _signer(request.obj) == "kubernetes.io/kube-apiserver-client" and "system:masters" in _groups(request.obj):
            why = "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
            raise refuse(request, why)


def _groups(obj: JSON) -> list[str]:
    """The organizations of the request's subject."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(base64.b64decode(obj["spec"].get("request") or ""))
    except ValueError:
        # Validation has its own words for a request that cannot be read.
        return []
    return [str(one.value) for one in parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
