"""The pod worker: from what a pod should be and what the runtime has of it, what to do next. Pure.

`decide` is called again after everything that changed, and says only what can be done right now; what has to wait is
named with its reason and with the time at which to look again. Rules: API documentation, "Pod Lifecycle", "Init
Containers", "Sidecar Containers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.container import Container
from api.pod import Pod
from apimachinery.timestamps import parse_time
from kubelet.backoff import Backoff
from kubelet.durations import format_duration
from kubelet.limits import DEAD_CONTAINERS_KEPT
from kubelet.pod_state import Instance, PodState, Sandbox
from kubelet.pods import Kind, full_name, grace_seconds, is_sidecar, restarts

# --- what can be done


@dataclass(frozen=True, slots=True)
class CreateSandbox:
    attempt: int


@dataclass(frozen=True, slots=True)
class StartContainer:
    """`retry_of` is when the run before it failed, None if there was none: starting then counts in the backoff."""

    name: str
    kind: Kind
    attempt: int
    retry_of: float | None = None


@dataclass(frozen=True, slots=True)
class StopContainer:
    """`message` is the event's text. `grace` overrides the pod's."""

    id: str
    name: str
    message: str
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    id: str


@dataclass(frozen=True, slots=True)
class RemoveSandbox:
    id: str


@dataclass(frozen=True, slots=True)
class KillPod:
    """Stop everything in the pod, sandbox included, within `grace` seconds."""

    grace: int


Action = CreateSandbox | StartContainer | StopContainer | RemoveContainer | RemoveSandbox | KillPod


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a container waits, or why a pod failed."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class PodActions:
    """`failed` says that the pod must end Failed, and why. `finished`: nothing of it runs and nothing ever will."""

    actions: tuple[Action, ...] = ()
    waiting: Mapping[str, Reason] = field(default_factory=dict)
    recheck_at: float | None = None
    failed: Reason | None = None
    finished: bool = False


# --- what is known


@dataclass(frozen=True, slots=True)
class Observed:
    """All that `decide` looks at besides the pod. Ids are container ids; `spec_hashes` is by container name."""

    state: PodState
    now: float
    backoff: Backoff
    started: frozenset[str] = frozenset()
    unhealthy: Mapping[str, str] = field(default_factory=dict)
    exits: Mapping[str, float] = field(default_factory=dict)
    spec_hashes: Mapping[str, str] = field(default_factory=dict)
    failed: Reason | None = None

    def finished_at(self, instance: Instance) -> float:
        """When it ended on the cluster's clock, which need not be the runtime's."""
        return self.exits.get(instance.id, min(instance.finished_at, self.now))


DEADLINE = Reason("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
SANDBOX_LOST = Reason("SandboxLost", "Pod sandbox was lost and the pod's restart policy is Never")


def decide(pod: Pod, seen: Observed) -> PodActions:
    """What to do for the pod now."""
    if seen.failed or pod.metadata.deletion_timestamp or pod.status.phase in ("Succeeded", "Failed"):
        return _end(pod, seen.state, seen.failed)
    if _deadline_passed(pod, seen.now):
        return _end(pod, seen.state, DEADLINE)
    if not seen.state.is_alive and has_run_its_course(pod, seen.state):
        return PodActions(_garbage(seen.state), finished=True)
    sandbox = seen.state.sandbox
    if sandbox is None or not _usable(pod, sandbox):
        return _new_sandbox(pod, seen, sandbox)
    if has_run_its_course(pod, seen.state):
        return _end(pod, seen.state, None)
    plan = _Plan(pod, seen, sandbox)
    plan.run()
    return plan.result()


def has_run_its_course(pod: Pod, state: PodState) -> bool:
    """Has an init container failed for good, or has every regular container ended for good?"""
    for container in pod.spec.init_containers:
        run = state.latest(container.name)
        over = run is not None and run.state == "exited" and run.exit_code != 0
        if run and over and not is_sidecar(container) and not restarts(pod, Kind.INIT, container, run.exit_code):
            return True
    for container in pod.spec.containers:
        run = state.latest(container.name)
        if run is None or run.state != "exited" or restarts(pod, Kind.REGULAR, container, run.exit_code):
            return False
    return True


def is_initialized(pod: Pod, state: PodState, started: frozenset[str]) -> bool:
    """Have the init containers all done their work, so that the regular ones may run?"""
    sandbox = state.sandbox
    if sandbox is None:
        return not pod.spec.init_containers
    if any(state.latest_in(sandbox, one.name) for one in pod.spec.containers):
        return True
    return all(_init_done(one, state.latest_in(sandbox, one.name), started) for one in pod.spec.init_containers)


def _init_done(container: Container, run: Instance | None, started: frozenset[str]) -> bool:
    if run is None:
        return False
    if is_sidecar(container):
        return run.state == "running" and run.id in started
    return run.state == "exited" and run.exit_code == 0


def crash_message(pod: Pod, container: str, delay: float) -> str:
    return f"back-off {format_duration(delay)} restarting failed container={container} pod={full_name(pod)}"


def deadline(pod: Pod) -> float | None:
    """When activeDeadlineSeconds runs out."""
    if pod.spec.active_deadline_seconds is None or not pod.status.start_time:
        return None
    return parse_time(pod.status.start_time) + pod.spec.active_deadline_seconds


def _deadline_passed(pod: Pod, now: float) -> bool:
    ends = deadline(pod)
    return ends is not None and now >= ends


def _end(pod: Pod, state: PodState, failed: Reason | None) -> PodActions:
    if state.is_alive:
        return PodActions((KillPod(grace_seconds(pod)),), failed=failed)
    return PodActions(_garbage(state), failed=failed, finished=True)


def _usable(pod: Pod, sandbox: Sandbox) -> bool:
    return sandbox.ready and (pod.spec.host_network or bool(sandbox.ips))


def _new_sandbox(pod: Pod, seen: Observed, old: Sandbox | None) -> PodActions:
    """Stop what was left of the old sandbox, then make one: its containers start when it stands."""
    left = tuple(
        StopContainer(run.id, run.name, "Pod sandbox changed, it will be killed and re-created.")
        for run in seen.state.running
    )
    if left:
        return PodActions(left)
    if old is not None and pod.spec.restart_policy == "Never" and seen.state.instances:
        # A pod that must not restart ends with its sandbox, even where some of its containers never ran.
        return PodActions(_garbage(seen.state), failed=SANDBOX_LOST, finished=True)
    return PodActions((CreateSandbox(old.attempt + 1 if old else 0),), recheck_at=deadline(pod))


def _garbage(state: PodState) -> tuple[Action, ...]:
    """Dead runs beyond those kept for `logs --previous`, and old sandboxes that hold none."""
    kept: dict[str, int] = {}
    doomed: set[str] = set()
    for run in state.instances:
        if run.state == "exited":
            kept[run.name] = kept.get(run.name, 0) + 1
            if kept[run.name] > DEAD_CONTAINERS_KEPT:
                doomed.add(run.id)
    used = {run.sandbox_id for run in state.instances if run.id not in doomed}
    empty = [one.id for one in state.sandboxes[1:] if one.id not in used]
    return (*(RemoveContainer(one) for one in sorted(doomed)), *(RemoveSandbox(one) for one in empty))


class _Plan:
    """One decision in the making, for a pod with a usable sandbox."""

    def __init__(self, pod: Pod, seen: Observed, sandbox: Sandbox) -> None:
        self._pod, self._seen, self._sandbox = pod, seen, sandbox
        self._actions: list[Action] = []
        self._waiting: dict[str, Reason] = {}
        self._recheck = [one for one in [deadline(pod)] if one is not None]

    def result(self) -> PodActions:
        recheck = min(self._recheck, default=None)
        return PodActions((*self._actions, *_garbage(self._seen.state)), self._waiting, recheck)

    def run(self) -> None:
        pod, state = self._pod, self._seen.state
        if is_initialized(pod, state, self._seen.started):
            for container in pod.spec.init_containers:
                if is_sidecar(container):
                    self._keep(Kind.SIDECAR, container)
            for container in pod.spec.containers:
                self._keep(Kind.REGULAR, container)
        else:
            self._initialize()
        for container in pod.spec.ephemeral_containers:
            self._keep(Kind.EPHEMERAL, container)

    def _initialize(self) -> None:
        """In order, each only when those before it are done. A new sandbox runs them all again."""
        for container in self._pod.spec.init_containers:
            kind = Kind.SIDECAR if is_sidecar(container) else Kind.INIT
            run = self._seen.state.latest_in(self._sandbox, container.name)
            done = _init_done(container, run, self._seen.started)
            if kind is Kind.SIDECAR or not done:
                self._keep(kind, container)
            if not done:
                return

    def _keep(self, kind: Kind, container: Container) -> None:
        """Start it if it does not run and should; stop it if it must not run as it does."""
        run = self._seen.state.latest(container.name)
        if run is None:
            self._actions.append(StartContainer(container.name, kind, _first_attempt(self._pod, container.name)))
        elif run.state == "created":
            self._actions += [RemoveContainer(run.id), StartContainer(container.name, kind, run.attempt)]
        elif run.state in ("running", "unknown"):
            self._check(container, run)
        else:
            self._ended(kind, container, run)

    def _check(self, container: Container, run: Instance) -> None:
        stop = self._why_stop(container, run)
        if stop is not None:
            self._actions.append(stop)

    def _why_stop(self, container: Container, run: Instance) -> StopContainer | None:
        if run.sandbox_id != self._sandbox.id:
            return StopContainer(run.id, run.name, "Pod sandbox changed, it will be killed and re-created.")
        if run.state == "unknown":
            message = f"Container is in unknown state, try killing it before starting a new one: {run.name}"
            return StopContainer(run.id, run.name, message, 0)
        wanted_hash = self._seen.spec_hashes.get(run.name, "")
        if wanted_hash and run.spec_hash and wanted_hash != run.spec_hash:
            return StopContainer(run.id, run.name, f"Container {run.name} definition changed, will be restarted")
        failed = self._seen.unhealthy.get(run.id)
        if failed is None:
            return None
        probe = container.liveness_probe if failed == "liveness" else container.startup_probe
        grace = probe.termination_grace_period_seconds if probe else None
        ending = "" if self._pod.spec.restart_policy == "Never" else ", will be restarted"
        return StopContainer(run.id, run.name, f"Container {run.name} failed {failed} probe{ending}", grace)

    def _ended(self, kind: Kind, container: Container, run: Instance) -> None:
        """Again, at once or after a pause, or never."""
        rerun_init = kind is Kind.INIT and run.sandbox_id != self._sandbox.id
        if not rerun_init and not restarts(self._pod, kind, container, run.exit_code):
            return
        failed_at = self._seen.finished_at(run)
        key = backoff_key(self._pod, container)
        again_at = self._seen.backoff.until(key, failed_at)
        if again_at <= self._seen.now or rerun_init:
            self._actions.append(StartContainer(container.name, kind, run.attempt + 1, failed_at))
            return
        message = crash_message(self._pod, container.name, self._seen.backoff.delay(key))
        self._waiting[container.name] = Reason("CrashLoopBackOff", message)
        self._recheck.append(again_at)


def backoff_key(pod: Pod, container: Container) -> tuple[str, ...]:
    """A container whose image was replaced starts over."""
    return (pod.uid, container.name, container.image)


def _first_attempt(pod: Pod, name: str) -> int:
    """0, unless the API remembers runs that the runtime no longer knows."""
    status = pod.status
    for one in (*status.init_container_statuses, *status.container_statuses):
        if one.name == name and one.container_id:
            return one.restart_count + 1
    return 0
