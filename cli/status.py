"""`orrery status`: what runs where."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from cli import spec as specs
from cli.config import kubeconfig_path
from cli.running import is_alive
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def process_table(processes: list[ProcessState]) -> str:
    rows = [["COMPONENT", "PID", "PORT", "UP", "RESTARTS", "LAST EXIT", "LOG"]]
    for one in processes:
        up = f"{time.time() - one.started:.0f} s" if is_alive(one.pid) else "down"
        rows.append(
            [one.name, str(one.pid or "-"), str(one.port), up, str(one.restarts), one.last_exit or "-", one.log]
        )
    return table(rows)


def status(name: str) -> str:
    """The table of one cluster. Raises UserError if it does not run."""
    from cli.forms.finding import running

    cluster = running(name)
    processes = cluster.processes()
    return f"{cluster.headline}\n{process_table(processes)}{_unusual(cluster.paths, processes)}"


def _unusual(paths: Paths, processes: list[ProcessState]) -> str:
    """Clock, frozen processes, rules: what somebody may have forgotten."""
    from cli.debugging.attention import attention

    lines = attention(paths, processes)
    return "\n\nnot as usual:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def headline(spec: ClusterSpec) -> str:
    return (
        f"cluster {spec.name}: https://127.0.0.1:{spec.ports['apiserver']}, {spec.nodes} nodes, "
        f"{spec.runtime} runtime, network {spec.subnet}"
    )


def next_steps(spec: ClusterSpec) -> str:
    """What to type now, each line as it works in the shell the command was called from."""
    flag = "" if spec.name == specs.DEFAULT_NAME else f" --name {spec.name}"
    orrery = command_name()
    steps = [
        ("kubectl get nodes", f"with --context {spec.context} from anywhere"),
        ("kubectl create deployment web --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80", ""),
        (f"{orrery} status{flag}", "what runs where, what is held or faulted"),
        (f"{orrery} logs scheduler{flag} -f", "one component's log"),
        (f"{orrery} restart kubelet-worker-1{flag} --kill", "no container restarts"),
        (f"{orrery} down{flag}", "stops it and takes the context out again"),
    ]
    lines = [f"  {step:44} {why and f'# {why}'}".rstrip() for step, why in steps]
    return "\n".join([f"The context {spec.context} was merged into {kubeconfig_path()} and is current. Next:", *lines])


def command_name() -> str:
    """`orrery` if that is on PATH, else the script beside this Python, from here."""
    script = Path(sys.executable).with_name("orrery")
    if shutil.which("orrery") or not script.exists():
        return "orrery"
    return os.path.relpath(script)
