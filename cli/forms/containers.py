"""What containers of a cluster under Compose tell of it: a pure function of what `docker inspect` says.

Nothing is known here of docker-compose.yml: which component a container is, and where it serves, is in its command.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.supervisor import ProcessState

JSON = dict[str, Any]

ORDER = ("etcd", "apiserver", "node", "runtime", "controller-manager", "scheduler", "kubelet", "kube-proxy", "dns")
_OF_NODE = re.compile(r"(node|runtime|kubelet|kube-proxy)-\d+")
_SERVES = {"apiserver": "--rpc-address", "kubelet": "--serve-address", "etcd": "--listen-client-urls"}
_STOPPED = ("exited", "created", "dead")
_SIGNALLED = 128  # beyond it, an exit code tells of a signal


@dataclass(frozen=True)
class Part:
    """One component."""

    component: str
    kind: str
    node: str
    container: str
    """Its name."""
    id: str
    argv: tuple[str, ...]
    """From the component's own program on."""
    host: str
    """Its address on the cluster's network; a node's, for what runs on one."""
    port: int
    state: ProcessState
    stopped: bool
    """By someone, until someone starts it; one that crashed is not."""
    mounts: dict[str, str]
    """Paths of the host, by where they are inside."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def parts(inspected: Iterable[JSON]) -> list[Part]:
    """Components in the order in which they start. Services that run to their end are none."""
    found = [_part(one) for one in inspected if one["HostConfig"]["RestartPolicy"]["Name"] == "always"]
    return sorted(found, key=lambda one: (ORDER.index(one.kind) if one.kind in ORDER else len(ORDER), one.component))


def _part(one: JSON) -> Part:
    service = one["Config"]["Labels"]["com.docker.compose.service"]
    argv = ours([one["Path"], *one["Args"]])
    kind = _OF_NODE.sub(r"\1", service)
    node = "" if kind == service else flag(argv, "--node-name") or one["Config"]["Hostname"]
    component = f"{kind}-{node}" if node else service
    host = flag(argv, "--node-ip") or own_address(one)
    port = port_of(flag(argv, _SERVES.get(kind, "--debug-address")))
    mounts = {mount["Destination"]: mount["Source"] for mount in one["Mounts"]}
    name = one["Name"].removeprefix("/")
    state = _state(component, port, name, one)
    stopped = one["State"]["Status"] in _STOPPED
    return Part(component, kind, node, name, one["Id"], argv, host, port, state, stopped, mounts)


def ours(argv: Sequence[str]) -> tuple[str, ...]:
    """The component's own command, behind the scripts that start it."""
    start = next((i for i, word in enumerate(argv) if argv[i + 1 : i + 2] == ["-m"] and "python" in word), 0)
    return tuple(argv[start:])


def flag(argv: Sequence[str], name: str) -> str:
    """The value of `--name VALUE` or `--name=VALUE`; "" if it is not there."""
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def port_of(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def own_address(one: JSON) -> str:
    for network in one["NetworkSettings"]["Networks"].values():
        configured = (network["IPAMConfig"] or {}).get("IPv4Address", "")
        if configured or network["IPAddress"]:
            return str(configured or network["IPAddress"])
    return ""


def _state(component: str, port: int, container: str, one: JSON) -> ProcessState:
    state = one["State"]
    started = datetime.fromisoformat(state["StartedAt"]).timestamp() if state["Running"] else 0.0
    return ProcessState(
        component, port, f"docker logs {container}", state["Pid"], one["RestartCount"], started,
        "" if state["Pid"] else exit_text(state["ExitCode"]), _note(component, container, state),
    )  # fmt: skip


def exit_text(code: int) -> str:
    try:
        return f"signal {signal.Signals(code - _SIGNALLED).name}"
    except ValueError:
        return f"exit code {code}"


def _note(component: str, container: str, state: JSON) -> str:
    if state["Paused"]:
        return f"paused by Docker (docker unpause {container})"
    if state["Status"] in _STOPPED:
        return f"stopped (orrery start {component})"
    return ""


def run_command(one: JSON, name: str, *, terminal: bool) -> list[str]:
    """`docker run` for a container like this one, in the foreground: same image, address, mounts and rights."""
    host, config = one["HostConfig"], one["Config"]
    flags = ["--rm", "--interactive", *(["--tty"] if terminal else []), f"--name={name}"]
    flags += [f"--network={host['NetworkMode']}", f"--workdir={config['WorkingDir']}"]
    flags += [f"--ip={own_address(one)}"] if own_address(one) else []
    flags += [f"--pid={host['PidMode']}"] if host["PidMode"] else []
    flags += [f"--cap-add={right}" for right in host["CapAdd"] or []]
    flags += [f"--security-opt={option.replace(':', '=', 1)}" for option in host["SecurityOpt"] or []]
    flags += [*(f"--env={setting}" for setting in config["Env"]), "--env=PYTHONBREAKPOINT"]  # ours, if it is set
    flags += [
        f"--volume={mount['Source']}:{mount['Destination']}{'' if mount['RW'] else ':ro'}" for mount in one["Mounts"]
    ]
    for inside, bindings in (host["PortBindings"] or {}).items():
        flags += [f"--publish={each['HostIp']}:{each['HostPort']}:{inside.partition('/')[0]}" for each in bindings]
    return ["docker", "run", *dict.fromkeys(flags), f"--entrypoint={one['Path']}", config["Image"], *one["Args"]]
