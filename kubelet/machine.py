"""The machine under the node: what it has and how it fares, read from /proc and the file systems."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from kubelet.limits import (
    DISK_PRESSURE_FRACTION,
    INODE_PRESSURE_FRACTION,
    MEMORY_PRESSURE_BYTES,
    PID_PRESSURE_FRACTION,
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts that do not change while the kubelet runs."""

    cpus: int
    memory_bytes: int
    disk_bytes: int
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Pressure:
    memory: bool = False
    disk: bool = False
    pid: bool = False


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def read_machine(state_dir: Path) -> Machine:
    disk = os.statvfs(state_dir)
    return Machine(
        cpus=os.cpu_count() or 1,
        memory_bytes=_meminfo("MemTotal"),
        disk_bytes=disk.f_blocks * disk.f_frsize,
        machine_id=_line("/etc/machine-id"),
        system_uuid=_line("/sys/class/dmi/id/product_uuid") or _line("/etc/machine-id"),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_image(),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
    )


def read_pressure(state_dir: Path) -> Pressure:
    disk = os.statvfs(state_dir)
    low_disk = disk.f_bavail < disk.f_blocks * DISK_PRESSURE_FRACTION
    low_inodes = disk.f_files > 0 and disk.f_favail < disk.f_files * INODE_PRESSURE_FRACTION
    available = _meminfo("MemAvailable")
    return Pressure(
        memory=0 < available < MEMORY_PRESSURE_BYTES,
        disk=low_disk or low_inodes,
        pid=_pid_pressure(),
    )


def _pid_pressure() -> bool:
    limit = _line("/proc/sys/kernel/pid_max")
    load = _line("/proc/loadavg").split()
    if not limit.isdigit() or len(load) < 4:
        return False
    tasks = int(load[3].partition("/")[2] or 0)
    return tasks > int(limit) * (1 - PID_PRESSURE_FRACTION)


def _meminfo(name: str) -> int:
    for line in _text("/proc/meminfo").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return platform.system()


def _line(path: str) -> str:
    return _text(path).partition("\n")[0].strip()


def _text(path: str) -> str:
    """ "" where there is no such file: not every machine has all of them."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
