"""The cluster's own CA and every certificate under it, with upstream's identities.

Certificates are ECDSA P-256 (fast to make), the ServiceAccount signing key RSA 2048 (RS256 is what clients of the
issuer expect). Source of the identities: Kubernetes documentation, "PKI certificates and requirements".
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID: Final = timedelta(days=3650)
COMMON_NAMES: Final = ("orrery", "localhost")
COMMON_ADDRESSES: Final = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Subject:
    """One certificate: its file name, CN, O, and names beyond the common ones."""

    file: str
    common_name: str
    organisations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def control_plane_subjects(apiserver_addresses: Iterable[str], etcd_addresses: Iterable[str] = ()) -> list[Subject]:
    """Everyone who is not of a node, and the addresses at which clients reach the apiserver and etcd."""
    service = "kubernetes.default.svc.cluster.local"
    names = tuple(".".join(service.split(".")[: 1 + i]) for i in range(5))
    return [
        Subject("etcd", "etcd", names=("etcd",), addresses=tuple(etcd_addresses)),
        Subject("apiserver-etcd-client", "kube-apiserver-etcd-client", ("system:masters",)),
        Subject("apiserver", "kube-apiserver", ("system:masters",), (*names, "apiserver"), tuple(apiserver_addresses)),
        Subject("scheduler", "system:kube-scheduler", names=("scheduler",)),
        Subject("controller-manager", "system:kube-controller-manager", names=("controller-manager",)),
        Subject("dns", "orrery:dns", ("orrery:dns",), names=("dns",)),
        Subject("admin", "kubernetes-admin", ("system:masters",)),
    ]


def node_subjects(node: str, address: str) -> list[Subject]:
    """The three processes of one node."""
    return [
        Subject(f"kubelet-{node}", f"system:node:{node}", ("system:nodes",), (node,), (address,)),
        Subject(f"runtime-{node}", f"orrery:runtime:{node}", (), (node,), (address,)),
        Subject(f"kube-proxy-{node}", "system:kube-proxy", ("system:node-proxier",), (node,), (address,)),
    ]


def ensure(directory: Path, subjects: Iterable[Subject]) -> None:
    """Make the CA, the ServiceAccount key and every certificate that is not there yet or names other addresses."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (directory / "ca.crt").exists():
        _make_ca(directory)
    if not (directory / "sa.pub").exists():
        _make_service_account_key(directory)
    missing = [subject for subject in subjects if not _is_current(directory, subject)]
    if missing:
        ca = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
        ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        for subject in missing:
            _issue(directory, subject, ca, ca_key)


def _is_current(directory: Path, subject: Subject) -> bool:
    path = directory / f"{subject.file}.crt"
    if not path.exists() or not (directory / f"{subject.file}.key").exists():
        return False
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return False  # torn or not ours: it is made anew
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in held.get_values_for_type(x509.IPAddress)}
    return set(subject.addresses) <= addresses and certificate.not_valid_after_utc > datetime.now(UTC)


def _make_ca(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    usage = x509.KeyUsage(True, False, True, False, False, True, True, False, False)
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(directory / "ca.key", key)
    _write(directory / "ca.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_service_account_key(directory: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_key(directory / "sa.key", key)
    _write(directory / "sa.pub", public, 0o644)


def _issue(directory: Path, subject: Subject, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in subject.organisations]
    name = x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])
    alternatives = [x509.DNSName(one) for one in dict.fromkeys((*COMMON_NAMES, *subject.names))]
    addresses = [ipaddress.ip_address(one) for one in dict.fromkeys((*COMMON_ADDRESSES, *subject.addresses))]
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    certificate = (
        _builder(name, ca.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectAlternativeName([*alternatives, *(x509.IPAddress(one) for one in addresses)]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_key(directory / f"{subject.file}.key", key)
    _write(directory / f"{subject.file}.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
