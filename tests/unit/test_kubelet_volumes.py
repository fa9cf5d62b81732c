"""Volumes: what ends up on disk, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from api.pod import Pod
from api.volume import ServiceAccountTokenProjection
from kubelet.downward import NodeFacts
from kubelet.objects import Data, ObjectRef
from kubelet.volumes import atomic_writer, sub_path
from kubelet.volumes.base import File, VolumeError
from kubelet.volumes.host_path import check
from kubelet.volumes.manager import MountFailed, VolumeManager
from tests.unit.kubelet_harness import make_pod

NODE = NodeFacts("n1", "10.240.0.11", "4", "8Gi")


class Objects:
    """An ObjectSource of what a test says."""

    def __init__(self, held: dict[ObjectRef, Data]) -> None:
        self.held = held

    async def data(self, namespace: str, ref: ObjectRef, *, fresh: bool = False) -> Data | None:
        return self.held.get(ref)


async def token(pod: Pod, projection: ServiceAccountTokenProjection) -> str:
    return f"token for {projection.audience or 'the API'}"


async def claim(namespace: str, name: str) -> dict[str, Any]:
    if name == "unbound":
        raise VolumeError("PVC is not bound")
    return {"metadata": {"name": "pv"}, "spec": VOLUMES[name]}


VOLUMES: dict[str, dict[str, Any]] = {
    "host": {"hostPath": {"path": "/tmp", "type": "Directory"}},
    "local": {"local": {"path": "/tmp"}},
    "disk": {"gcePersistentDisk": {"pdName": "d"}},
}

CONFIG = ObjectRef("ConfigMap", "c")


def manager(root: Path, held: dict[ObjectRef, Data] | None = None) -> VolumeManager:
    default: dict[ObjectRef, Data] = {CONFIG: {"a": b"1", "b": b"2"}, ObjectRef("Secret", "s"): {"p": b"hush"}}
    return VolumeManager(root, Objects(default if held is None else held), token, claim, lambda: NODE)


async def mount(root: Path, volume: dict[str, Any], **spec: Any) -> Path:
    pod = make_pod({"containers": [], "volumes": [{"name": "v", **volume}], **spec}, labels={"app": "x"})
    return (await manager(root).mount(pod, ()))["v"]


def files(place: Path) -> dict[str, str]:
    found = (one for one in place.rglob("*") if one.is_file() and not str(one.relative_to(place)).startswith(".."))
    linked = {one.name: one.read_text() for one in place.iterdir() if one.is_file() and not one.name.startswith("..")}
    return linked | {str(one.relative_to(place)): one.read_text() for one in found}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"configMap": {"name": "c"}}, {"a": "1", "b": "2"}),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "x"}]}}, {"x": "1"}),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        ({"secret": {"secretName": "s"}}, {"p": "hush"}),
        ({"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}, {"l": 'app="x"'}),
        (
            {
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token"}},
                        {"configMap": {"name": "c", "items": [{"key": "a", "path": "ca.crt"}]}},
                        {"secret": {"name": "s"}},
                        {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                    ]
                }
            },
            {"token": "token for the API", "ca.crt": "1", "p": "hush", "ns": "default"},
        ),
        ({"emptyDir": {}}, {}),
    ],
)
async def test_contents(tmp_path: Path, volume: dict[str, Any], expected: dict[str, str]) -> None:
    assert files(await mount(tmp_path, volume)) == expected


PREFIX = 'MountVolume.SetUp failed for volume "v" : '


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"configMap": {"name": "c", "items": [{"key": "z", "path": "z"}]}}, "references non-existent config key: z"),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "../a"}]}}, "invalid path: must not contain '..'"),
        ({"persistentVolumeClaim": {"claimName": "unbound"}}, "PVC is not bound"),
        (
            {"persistentVolumeClaim": {"claimName": "disk"}},
            "persistent volume pv is of kind gcePersistentDisk, which is not supported",
        ),
        ({"nfs": {"server": "x", "path": "/"}}, "no volume plugin matched"),
        ({"hostPath": {"path": "/nowhere", "type": "Directory"}}, "/nowhere is not a directory"),
    ],
)
async def test_refusals(tmp_path: Path, volume: dict[str, Any], message: str) -> None:
    with pytest.raises(MountFailed) as refused:
        await mount(tmp_path, volume)
    assert str(refused.value).startswith(PREFIX + message) or message in str(refused.value)


@pytest.mark.parametrize("name", ["host", "local"])
async def test_a_claim_leads_to_its_volume(tmp_path: Path, name: str) -> None:
    assert await mount(tmp_path, {"persistentVolumeClaim": {"claimName": name}}) == Path("/tmp")


async def test_modes(tmp_path: Path) -> None:
    items = [{"key": "a", "path": "a", "mode": 0o400}, {"key": "b", "path": "b"}]
    place = await mount(tmp_path, {"configMap": {"name": "c", "items": items, "defaultMode": 0o640}})
    assert [(place / name).stat().st_mode & 0o777 for name in "ab"] == [0o400, 0o640]


async def test_a_change_is_seen_all_at_once(tmp_path: Path) -> None:
    held: dict[ObjectRef, Data] = {CONFIG: {"a": b"1", "gone": b"x"}}
    volumes = manager(tmp_path, held)
    pod = make_pod({"containers": [], "volumes": [{"name": "v", "configMap": {"name": "c"}}]})
    place = (await volumes.mount(pod, ()))["v"]
    before = os.readlink(place / "..data")
    await volumes.refresh(pod, (), fresh=True)
    assert os.readlink(place / "..data") == before
    held[CONFIG] = {"a": b"2", "new": b"y"}
    await volumes.refresh(pod, (), fresh=True)
    assert files(place) == {"a": "2", "new": "y"}
    assert not (place / before).exists()


async def test_a_volume_that_fails_keeps_no_other_from_its_refresh(tmp_path: Path) -> None:
    names = ("gone", "stays", "lost")
    held: dict[ObjectRef, Data] = {ObjectRef("ConfigMap", name): {"k": b"1"} for name in names}
    volumes = manager(tmp_path, held)
    pod = make_pod({"containers": [], "volumes": [{"name": name, "configMap": {"name": name}} for name in names]})
    places = await volumes.mount(pod, ())
    held.clear()
    held[ObjectRef("ConfigMap", "stays")] = {"k": b"2"}
    with pytest.raises(MountFailed) as failed:
        await volumes.refresh(pod, (), fresh=True)
    assert 'volume "gone"' in str(failed.value) and 'volume "lost"' in str(failed.value)
    assert [files(places[name]) for name in names] == [{"k": "1"}, {"k": "2"}, {"k": "1"}]


async def test_unmounting_leaves_nothing(tmp_path: Path) -> None:
    volumes = manager(tmp_path)
    spec = {"containers": [], "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "c"}}]}
    await volumes.mount(make_pod(spec), ())
    assert volumes.uids_on_disk() == ["u1"]
    await volumes.unmount("u1")
    assert volumes.uids_on_disk() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
async def test_memory_is_a_tmpfs(tmp_path: Path) -> None:
    volumes = manager(tmp_path)
    source = {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    place = (await volumes.mount(make_pod({"containers": [], "volumes": [{"name": "v", **source}]}), ()))["v"]
    try:
        assert place.is_mount()
        assert os.statvfs(place).f_blocks * os.statvfs(place).f_frsize == 1 << 20
    finally:
        await volumes.unmount("u1")
    assert not place.exists()


async def test_fs_group_may_write(tmp_path: Path) -> None:
    place = await mount(tmp_path, {"emptyDir": {}}, securityContext={"fsGroup": os.getgid()})
    assert (place.stat().st_mode & 0o7777, place.stat().st_gid) == (0o2777, os.getgid())


def test_atomic_writer_keeps_directories_apart(tmp_path: Path) -> None:
    place = tmp_path / "v"
    assert atomic_writer.write(place, {"d/x": File(b"1"), "d/y": File(b"2")}, "t")
    assert os.readlink(place / "d") == "..data/d"
    assert not atomic_writer.write(place, {"d/x": File(b"1"), "d/y": File(b"2")}, "t")
    assert atomic_writer.write(place, {"e": File(b"3")}, "t")
    assert sorted(one.name for one in place.iterdir() if not one.name.startswith("..")) == ["e"]


def test_sub_path_stays_inside(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    volume.mkdir()
    assert sub_path.resolve(volume, "a/b").is_dir()
    (volume / "out").symlink_to("/etc")
    for bad in ("../x", "/etc", "out/passwd"):
        with pytest.raises(VolumeError):
            sub_path.resolve(volume, bad)


def test_host_path_types(tmp_path: Path) -> None:
    assert check(tmp_path / "d", "DirectoryOrCreate").is_dir()
    assert check(tmp_path / "f", "FileOrCreate").is_file()
    assert check(tmp_path / "not there", "") == tmp_path / "not there"
    for kind in ("File", "Socket", "CharDevice", "BlockDevice", "Nonsense"):
        with pytest.raises(VolumeError):
            check(tmp_path / "d", kind)
