"""All probes of one kubelet: a task per probe of each running container, results by container id.

A startup probe gates the other two and ends when it has passed. Only changes of a result are told to the pod's worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from api.container import Container, Probe
from api.pod import Pod
from apimachinery.clock import Clock
from kubelet.limits import PROBES
from kubelet.pod_state import PodState
from kubelet.pods import Kind, containers, probes
from kubelet.probes.actions import Outcome, Target, run_probe
from kubelet.probes.counter import Tally, count, initial
from kubelet.runtime import CriRuntime

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Container id, kind of probe."""


@dataclass
class _Probed:
    uid: str
    tally: Tally
    container: str
    task: asyncio.Task[None] | None = None
    last: Outcome | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes say of one pod. Sets of container ids; `unhealthy` names the probe that failed."""

    started: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    unhealthy: dict[str, str] = field(default_factory=dict)


Tell = Callable[[Pod, Container, Kind, str, str], None]
"""Records an event about a container: pod, container, kind, reason, message. Always a warning."""


class Prober:
    """`changed(uid)` is called when a result changes."""

    def __init__(
        self,
        runtime: CriRuntime,
        clock: Clock,
        changed: Callable[[str], None],
        tell: Tell,
        is_simulated: Callable[[], bool] = lambda: False,
    ) -> None:
        self._runtime = runtime
        self._is_simulated = is_simulated
        self._clock = clock
        self._changed = changed
        self._tell = tell
        self._probed: dict[Key, _Probed] = {}
        self._slots = asyncio.Semaphore(PROBES)
        self._seen: dict[str, float] = {}

    def sync(self, pod: Pod, state: PodState, group: asyncio.TaskGroup) -> None:
        """Probe what runs now, and nothing else of this pod."""
        wanted = dict(self._wanted(pod, state))
        for key in [key for key, one in self._probed.items() if one.uid == pod.uid and key not in wanted]:
            # What a passed startup probe said goes on holding while its container runs.
            if key[1] != "startup" or not any(run.id == key[0] for run in state.running):
                self._drop(key)
        for key, (kind, probe, target) in wanted.items():
            if key not in self._probed:
                tally = Tally(True) if _held_before(pod, key) else initial(key[1])
                probed = self._probed[key] = _Probed(pod.uid, tally, target.container.name)
                if key[1] == "startup" and tally.result:
                    return self.sync(pod, state, group)  # the gate is open: the others are wanted too
                probed.task = group.create_task(self._watch(pod, kind, key[1], probe, target))
        return None

    def _wanted(self, pod: Pod, state: PodState) -> Iterator[tuple[Key, tuple[Kind, Probe, Target]]]:
        for kind, container in containers(pod):
            run = state.latest(container.name)
            if run is None or run.state != "running" or kind is Kind.INIT:
                continue
            self._seen.setdefault(run.id, self._clock.time())
            target = Target(container, run.id, _address(pod, state), self._is_simulated())
            gate = container.startup_probe
            if gate is not None and self._result(run.id, "startup") is None:
                yield (run.id, "startup"), (kind, gate, target)
            if gate is None or self._result(run.id, "startup"):
                for name, probe in probes(container):
                    if name != "startup":
                        yield (run.id, name), (kind, probe, target)

    def stop(self, uid: str) -> None:
        for key in [key for key, one in self._probed.items() if one.uid == uid]:
            self._drop(key)

    def stop_liveness(self, uid: str) -> None:
        """A pod that ends is no longer restarted, but its readiness still matters to who sends it traffic."""
        for key in [key for key, one in self._probed.items() if one.uid == uid and key[1] != "readiness"]:
            task = self._probed[key].task
            if task is not None:
                task.cancel()

    def health(self, pod: Pod, state: PodState) -> Health:
        started: set[str] = set()
        ready: set[str] = set()
        unhealthy: dict[str, str] = {}
        for _, container in containers(pod):
            run = state.latest(container.name)
            if run is None or run.state != "running":
                continue
            if container.startup_probe is None or self._result(run.id, "startup") is True:
                started.add(run.id)
            if container.readiness_probe is None or self._result(run.id, "readiness") is True:
                ready.add(run.id)
            for name in ("startup", "liveness"):
                if self._result(run.id, name) is False:
                    unhealthy[run.id] = name
        return Health(frozenset(started), frozenset(ready), unhealthy)

    def explain(self, uid: str) -> Iterator[dict[str, Any]]:
        """Every probe of the pod: what it last answered, and what holds because of it."""
        for (_, name), one in self._probed.items():
            if one.uid == uid:
                facts = {"container": one.container, "probe": name, "holds": one.tally.result, "at": one.at}
                yield {**facts, **({"ok": one.last.ok, "message": one.last.message} if one.last else {})}

    def _result(self, container_id: str, name: str) -> bool | None:
        probed = self._probed.get((container_id, name))
        return probed.tally.result if probed else None

    def _drop(self, key: Key) -> None:
        probed = self._probed.pop(key)
        if not any(one[0] == key[0] for one in self._probed):
            self._seen.pop(key[0], None)
        if probed.task is not None:
            probed.task.cancel()

    async def _watch(self, pod: Pod, kind: Kind, name: str, probe: Probe, target: Target) -> None:
        why = f"{name} probe of {pod.namespace}/{pod.name}/{target.container.name}"
        await self._clock.sleep_until(self._seen[target.container_id] + probe.initial_delay_seconds, why)
        while True:
            await self._once(pod, kind, name, probe, target)
            if name == "startup" and self._result(target.container_id, name) is not None:
                return
            await self._clock.sleep(float(max(1, probe.period_seconds)), why)

    async def _once(self, pod: Pod, kind: Kind, name: str, probe: Probe, target: Target) -> None:
        async with self._slots:
            outcome = await self._guarded(pod, name, probe, target)
        probed = self._probed.get((target.container_id, name))
        if probed is None:
            return
        probed.last, probed.at = outcome, self._clock.time()
        if not outcome.ok:
            how = "errored and resulted in unknown state" if outcome.ok is None else "failed"
            self._tell(pod, target.container, kind, "Unhealthy", f"{name.capitalize()} probe {how}: {outcome.message}")
        if outcome.ok is None:
            return
        before, probed.tally = probed.tally.result, count(probed.tally, outcome.ok, probe)
        if probed.tally.result != before:
            self._changed(pod.uid)

    async def _guarded(self, pod: Pod, name: str, probe: Probe, target: Target) -> Outcome:
        """What goes wrong in a probe costs its result, never the kubelet."""
        try:
            return await run_probe(probe, target, self._runtime, self._clock)
        except Exception as error:
            log.exception("pod %s: %s probe of %s could not be carried out", pod.key, name, target.container.name)
            return Outcome(None, f"{type(error).__name__}: {error}")


def _held_before(pod: Pod, key: Key) -> bool:
    """Did this very container pass, by the API's account? So that a kubelet's restart makes nothing unready."""
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        if status.container_id.endswith(f"//{key[0]}"):
            return (key[1] == "startup" and bool(status.started)) or (key[1] == "readiness" and status.ready)
    return False


def _address(pod: Pod, state: PodState) -> str:
    if pod.spec.host_network:
        return pod.status.host_ip or "127.0.0.1"
    sandbox = state.sandbox
    return sandbox.ips[0] if sandbox and sandbox.ips else ""
