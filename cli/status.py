"""`orrery status`: what runs where."""

from __future__ import annotations

import time

from cli import spec as specs
from cli.errors import UserError
from cli.running import is_alive
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ProcessState, read_state


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
    spec = specs.load(name)
    supervisor, processes = read_state(Paths.of(name).state)
    if spec is None or not supervisor:
        raise UserError(f"cluster {name} does not run; orrery up --name {name} starts it")
    return f"{headline(spec)}\n{process_table(processes)}{_unusual(Paths.of(name), processes)}"


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
    flag = "" if spec.name == specs.DEFAULT_NAME else f" --name {spec.name}"
    image = "orrery/busybox:1"
    return "\n".join(
        [
            f"kubectl context {spec.context} is current. Next:",
            f"  kubectl get nodes                                     (with --context {spec.context} from anywhere)",
            f"  kubectl create deployment web --image={image} --replicas=3 -- httpd -f -p 80",
            f"  orrery status{flag} | orrery logs scheduler{flag} -f | orrery restart kubelet-worker-1{flag}",
            f"  orrery down{flag}                                           (stops it and removes the context again)",
        ]
    )
