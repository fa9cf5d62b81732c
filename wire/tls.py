"""Mutual TLS under the cluster's own CA: files, credentials, and who the peer is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc

from apimachinery.errors import ApiError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

ADMINISTRATORS = "system:masters"  # the group that may do everything


@dataclass(frozen=True)
class TlsFiles:
    """Paths of PEM files: the CA's certificate, ours, and our key."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def in_directory(cls, directory: Path, name: str) -> TlsFiles:
        """The layout `cli` writes: `ca.crt`, `NAME.crt`, `NAME.key`."""
        return cls(directory / "ca.crt", directory / f"{name}.crt", directory / f"{name}.key")


class Identity(NamedTuple):
    """Who speaks: CN and O of a client certificate, as Kubernetes reads them."""

    user: str
    groups: tuple[str, ...]


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=files.ca.read_bytes(),
        private_key=files.key.read_bytes(),
        certificate_chain=files.cert.read_bytes(),
    )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Clients must show a certificate of the cluster's CA."""
    return grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.cert.read_bytes())],
        root_certificates=files.ca.read_bytes(),
        require_client_auth=True,
    )


def peer_identity(context: grpc.aio.ServicerContext[Any, Any]) -> Identity | None:
    """Who called, or None on a connection without a certificate (a unix socket)."""
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), None)
    return identity_of_pem(pem) if pem else None


def require_admin(context: grpc.aio.ServicerContext[Any, Any], what: str) -> None:
    """Raises 403 unless the caller is an administrator. A unix socket's owner is who may open it."""
    identity = peer_identity(context)
    if identity is not None and ADMINISTRATORS not in identity.groups:
        raise ApiError("Forbidden", f"{identity.user} may not see {what}: only {ADMINISTRATORS} may")


@lru_cache(maxsize=256)
def identity_of_pem(pem: bytes) -> Identity:
    """CN and O of a PEM certificate; cached, because a component calls thousands of times with one."""
    from cryptography import x509

    return identity_of_certificate(x509.load_pem_x509_certificate(pem))


def identity_of_certificate(certificate: Certificate) -> Identity:
    from cryptography.x509.oid import NameOID

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organisations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    user = str(names[0].value) if names else ""
    return Identity(user, tuple(str(one.value) for one in organisations))
