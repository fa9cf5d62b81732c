"""What the runtime has of one pod, as plain data: sandboxes and containers, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

RunState = Literal["created", "running", "exited", "unknown"]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A pod sandbox. `ready` means that the runtime still keeps it up."""

    id: str
    attempt: int = 0
    ready: bool = True
    ips: tuple[str, ...] = ()
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One run of a container: attempt 0, 1, ... Times are Unix seconds as the runtime tells them, 0 if not yet."""

    id: str
    name: str
    attempt: int = 0
    sandbox_id: str = ""
    state: RunState = "running"
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    spec_hash: str = ""
    log_path: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodState:
    """All that the runtime has under one pod's uid."""

    uid: str
    name: str = ""
    namespace: str = ""
    sandboxes: tuple[Sandbox, ...] = ()
    instances: tuple[Instance, ...] = ()

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox, ready or not."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def running(self) -> tuple[Instance, ...]:
        return tuple(one for one in self.instances if one.state in ("running", "unknown"))

    @property
    def is_alive(self) -> bool:
        """Does anything of the pod still run?"""
        return bool(self.running) or any(one.ready for one in self.sandboxes)

    def of(self, name: str) -> list[Instance]:
        """A container's runs, newest first."""
        return [one for one in self.instances if one.name == name]

    def latest(self, name: str) -> Instance | None:
        return next((one for one in self.instances if one.name == name), None)

    def latest_in(self, sandbox: Sandbox, name: str) -> Instance | None:
        return next((one for one in self.instances if one.name == name and one.sandbox_id == sandbox.id), None)


def pod_state(
    uid: str, name: str = "", namespace: str = "", *, sandboxes: list[Sandbox], instances: list[Instance]
) -> PodState:
    """Sort what the runtime listed: the highest attempt is the newest; creation time breaks ties."""
    return PodState(
        uid,
        name,
        namespace,
        tuple(sorted(sandboxes, key=lambda one: (one.attempt, one.created_at), reverse=True)),
        tuple(sorted(instances, key=lambda one: (one.attempt, one.created_at), reverse=True)),
    )
