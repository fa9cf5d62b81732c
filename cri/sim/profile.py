"""How a simulated container behaves: pod annotations first, then what its command plainly does, then defaults. Pure.

Annotations are `sim.orrery.dev/KEY` for all containers of a pod, `sim.orrery.dev/CONTAINER.KEY` for one. Where a value
may differ between restarts it is a list: `exit-code: "1,1,0"` fails twice, then succeeds ever after.

| key | meaning | default |
|---|---|---|
| start-delay | seconds until it runs | 0 |
| start-error | it cannot be started, and this is why | |
| run-seconds | list: how long it runs; `forever` | the command's, else forever |
| exit-code | list: how it ends | the command's, else 0 |
| oom-killed | list of true/false: it ends by running out of memory (code 137) | false |
| stop-delay | seconds it takes to end when asked to | 0 |
| log-lines | lines it writes, one per line of the value | the command's |
| log-interval | seconds between those lines, over and over; 0: all at once, once | 0 |
| cpu, memory | what it uses, as quantities | 10m, 32Mi |
| exec-stdout, exec-stderr, exec-exit-code, exec-delay | what any exec answers | see `exec` |
| pull-delay, pull-error | for the image (pod-wide only) | |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from apimachinery import quantity
from apimachinery.errors import ApiError
from cri.image_names import split
from cri.limits import SIM_LOG_LINES
from cri.sim.script import Line, Plan, plan
from proto import cri_pb2 as pb

T = TypeVar("T")

PREFIX = "sim.orrery.dev/"
OOM_CODE = 137

IMAGES_THAT_END = frozenset({"busybox", "orrery/busybox", "alpine", "debian", "ubuntu", "hello-world"})
"""Without a command and an open stdin these have nothing to do and end at once."""


@dataclass(frozen=True, slots=True)
class Profile:
    plan: Plan
    start_delay: float = 0.0
    start_error: str = ""
    oom_killed: bool = False
    stop_delay: float = 0.0
    log_interval: float = 0.0
    cpu_cores: float = 0.01
    memory_bytes: int = 32 * 1024 * 1024
    exec_stdout: str | None = None
    exec_stderr: str = ""
    exec_exit_code: int = 0
    exec_delay: float = 0.0


class Settings:
    """The annotations, as one container sees them. Raises ApiError on a value that makes no sense."""

    def __init__(self, annotations: Mapping[str, str], container: str = "", attempt: int = 0) -> None:
        self._annotations = annotations
        self._container = container
        self._attempt = attempt

    def text(self, key: str) -> str | None:
        own = self._annotations.get(f"{PREFIX}{self._container}.{key}") if self._container else None
        return own if own is not None else self._annotations.get(PREFIX + key)

    def get(self, key: str, parse: Callable[[str], T], default: T) -> T:
        text = self.text(key)
        return default if text is None else self._parse(key, text.strip(), parse)

    def nth(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """The value for this attempt; the last one holds for all later."""
        text = self.text(key)
        if text is None:
            return default
        values = text.split(",")
        return self._parse(key, values[min(self._attempt, len(values) - 1)].strip(), parse)

    def _parse(self, key: str, text: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(text)
        except (ValueError, ApiError):
            raise ApiError("BadRequest", f'annotation {PREFIX}{key}: "{text}" makes no sense') from None


def profile(annotations: Mapping[str, str], config: pb.ContainerConfig) -> Profile:
    """Of one container of a pod with these annotations."""
    told = Settings(annotations, config.metadata.name, config.metadata.attempt)
    oom_killed = told.nth("oom-killed", _truth, False)
    return Profile(
        plan=_life(told, _from_command(config), oom_killed),
        start_delay=told.get("start-delay", _seconds, 0.0),
        start_error=told.text("start-error") or "",
        oom_killed=oom_killed,
        stop_delay=told.get("stop-delay", _seconds, 0.0),
        log_interval=told.get("log-interval", _seconds, 0.0),
        cpu_cores=told.get("cpu", _quantity, 0.01),
        memory_bytes=int(told.get("memory", _quantity, 32.0 * 1024 * 1024)),
        exec_stdout=told.text("exec-stdout"),
        exec_stderr=told.text("exec-stderr") or "",
        exec_exit_code=told.get("exec-exit-code", int, 0),
        exec_delay=told.get("exec-delay", _seconds, 0.0),
    )


def _life(told: Settings, simple: Plan, oom_killed: bool) -> Plan:
    lines = simple.lines
    text = told.text("log-lines")
    if text is not None:
        lines = tuple(Line(0.0, line) for line in text.rstrip("\n").split("\n")[:SIM_LOG_LINES])
    ends = told.text("exit-code") is not None or oom_killed
    default_run = simple.run_seconds if simple.run_seconds is not None or not ends else 0.0
    run_seconds = told.nth("run-seconds", _seconds_or_forever, default_run)
    return Plan(lines, run_seconds, OOM_CODE if oom_killed else told.nth("exit-code", int, simple.exit_code))


def _from_command(config: pb.ContainerConfig) -> Plan:
    argv = [*config.command, *config.args]
    if argv:
        env = {one.key: one.value.decode(errors="replace") for one in config.envs}
        return plan(argv, env) or Plan()
    image = config.image.user_specified_image or config.image.image
    try:
        name = split(image)[0]
    except ApiError:
        name = ""  # named by id
    return Plan(run_seconds=0.0) if name in IMAGES_THAT_END and not config.stdin else Plan()


def _seconds(text: str) -> float:
    value = float(text)
    if value < 0:
        raise ValueError(text)
    return value


def _seconds_or_forever(text: str) -> float | None:
    return None if text == "forever" else _seconds(text)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _quantity(text: str) -> float:
    return float(quantity.parse(text).value)
