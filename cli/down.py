"""`orrery down`: stop a cluster and leave nothing running, and nothing that the next one would not use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli import kubeconfig, locks, running
from cli import spec as specs
from cli.config import child_environment, kubeconfig_path
from cli.errors import UserError
from cli.kept_time import leave_time
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ROOT

_MOUNT_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def down(name: str, *, keep: bool = False) -> None:
    """Stop every process, remove containers, network, mounts, context and, unless `keep`, the cluster's state.

    Certificates stay, so that the next `up` is quick and a copied kubeconfig keeps working; so do the cluster's size
    and ports, and its logs. With `keep` the cluster's time is noted: its objects go on from there. What fails does not
    keep the rest from being done; all of it can be done again. Raises UserError.
    """
    paths = Paths.of(name)
    if not paths.root.is_dir():
        known = ", ".join(one.name for one in specs.existing()) or "none"
        raise UserError(f"there is no cluster {name}; clusters there are: {known}")
    with locks.only_one(paths.lock, f"cluster {name} is being started or stopped by another command"):
        spec = _spec(name, paths)
        lives = bool(running.of_cluster(paths.root))
        running.stop_all(paths.root)
        problems = [
            *_try(lambda: _remove_containers(name, spec)),
            *_try(lambda: leave_time(paths, lives=lives) if keep else paths.clock.unlink(missing_ok=True)),
            *_try(lambda: _remove_files(paths, keep=keep)),
            *_try(lambda: kubeconfig.remove_from(kubeconfig_path(), specs.full_name(name))),
        ]
    if problems:
        raise UserError(f"cluster {name} is stopped, but {'; and '.join(problems)}")


def _spec(name: str, paths: Paths) -> ClusterSpec | None:
    """None if its file is broken: then it goes, too."""
    try:
        return specs.load(name)
    except UserError:
        paths.spec.unlink(missing_ok=True)
        return None


def _try(act: Callable[[], None]) -> list[str]:
    try:
        act()
    except UserError as error:
        return [str(error)]
    return []


def _remove_files(paths: Paths, *, keep: bool) -> None:
    _unmount(paths)
    paths.state.unlink(missing_ok=True)
    paths.rules.unlink(missing_ok=True)
    paths.tracing.unlink(missing_ok=True)
    paths.wanted.unlink(missing_ok=True)
    paths.hidden.unlink(missing_ok=True)
    for folder in (paths.root / "nodes", *([] if keep else [paths.etcd, paths.spans, *paths.root.glob("etcd.*")])):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{folder} cannot be removed ({error.strerror}: {error.filename})") from None


def _remove_containers(name: str, spec: ClusterSpec | None) -> None:
    """Of a cluster that we know nothing about, there may be some."""
    if spec is not None and spec.runtime != "docker":
        return
    answer = subprocess.run(
        [sys.executable, "-m", "cri.docker.cleanup", "--cluster", name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=child_environment(ROOT),
        check=False,
    )
    if answer.returncode and spec is not None:
        why = answer.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise UserError(f"its containers could not be removed ({why[0]}); orrery down --name {name} tries again")


def _unmount(paths: Paths) -> None:
    """Volumes of medium Memory are mounts; what is still mounted below the cluster's folder must go first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    below = [one for one in map(_mount_point, lines) if one.startswith(f"{paths.root}/")]
    for path in sorted(below, reverse=True):
        done = subprocess.run(["umount", path], capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{path} cannot be unmounted ({done.stderr.strip()})")


def _mount_point(line: str) -> str:
    path = line.split()[1]
    for escape, character in _MOUNT_ESCAPES.items():
        path = path.replace(escape, character)
    return path
