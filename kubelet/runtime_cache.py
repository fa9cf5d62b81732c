"""What the runtime has, by pod uid: fed by the runtime's events, by what our own calls answered, and by listing.

The three do not arrive in order, so facts only move forward: a run goes created -> running -> exited, a sandbox from
ready to not ready, and what is gone stays gone. Whoever cares is told the uid of each pod that changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from apimachinery.clock import Clock
from kubelet.pod_state import Instance, PodState, Sandbox, pod_state
from kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID, CriRuntime, run_state, to_instance, to_sandbox
from proto import cri_pb2 as pb

_RANK = {"created": 0, "unknown": 1, "running": 1, "exited": 2}
_TOMBSTONES = 4096  # ids remembered as removed, so that a late event does not bring them back


class _Pod:
    __slots__ = ("instances", "name", "namespace", "sandboxes", "uid")

    def __init__(self, uid: str, name: str, namespace: str) -> None:
        self.uid, self.name, self.namespace = uid, name, namespace
        self.sandboxes: dict[str, Sandbox] = {}
        self.instances: dict[str, Instance] = {}


class RuntimeCache:
    """`changed(uid)` is called after every change that somebody else made known."""

    def __init__(self, runtime: CriRuntime, clock: Clock, changed: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._changed = changed
        self._pods: dict[str, _Pod] = {}
        self._removed: OrderedDict[str, None] = OrderedDict()
        self._touched: dict[str, int] = {}
        self._round = 0
        self.exits: dict[str, float] = {}
        """When each exited run was first seen so, on the cluster's clock; by container id."""

    # --- reading

    def get(self, uid: str) -> PodState:
        """Empty if the runtime has nothing of the pod."""
        pod = self._pods.get(uid)
        if pod is None:
            return PodState(uid)
        return pod_state(
            uid, pod.name, pod.namespace, sandboxes=[*pod.sandboxes.values()], instances=[*pod.instances.values()]
        )

    def uids(self) -> list[str]:
        return list(self._pods)

    # --- what our own calls answered

    async def refresh_sandbox(self, sandbox_id: str) -> None:
        self._take_sandbox(await self._runtime.sandbox_status(sandbox_id))

    async def refresh_container(self, container_id: str, sandbox_id: str) -> None:
        self._take_container(await self._runtime.container_status(container_id), sandbox_id)

    def failed_start(self, container_id: str, message: str) -> None:
        """A container that was created and could not be started counts as a run that ended at once."""
        for pod in self._pods.values():
            run = pod.instances.get(container_id)
            if run is not None and run.state == "created":
                now = self._clock.time()
                pod.instances[container_id] = replace(
                    run, state="exited", exit_code=128, reason="StartError", message=message, finished_at=now
                )
                self.exits.setdefault(container_id, now)

    def created(self, one_id: str) -> None:
        """We made it just now. A runtime may give an id again: a restored etcd brings back a pod that was removed."""
        self._removed.pop(one_id, None)

    def forget(self, one_id: str) -> None:
        """A sandbox or container that has been removed."""
        self._removed[one_id] = None
        if len(self._removed) > _TOMBSTONES:
            self._removed.popitem(last=False)
        self.exits.pop(one_id, None)
        self._touched.pop(one_id, None)
        for pod in list(self._pods.values()):
            pod.instances.pop(one_id, None)
            pod.sandboxes.pop(one_id, None)
            if not pod.instances and not pod.sandboxes:
                del self._pods[pod.uid]

    # --- what the runtime tells

    def take_event(self, event: pb.ContainerEventResponse) -> None:
        """News of what our own call has told already wakes nobody."""
        uid = event.pod_sandbox_status.metadata.uid or self._owner(event.container_id)
        news = False
        if event.container_event_type == pb.CONTAINER_DELETED_EVENT and event.container_id:
            news = event.container_id not in self._removed
            self.forget(event.container_id)
        if event.HasField("pod_sandbox_status"):
            news |= self._take_sandbox(event.pod_sandbox_status)
            for status in event.containers_statuses:
                news |= self._take_container(status, event.pod_sandbox_status.id)
        if uid and news:
            self._changed(uid)

    async def relist(self) -> None:
        """Ask for everything; learn what changed and what is gone. Raises ApiError if the runtime does not answer."""
        self._round += 1
        before = {one: self._touched.get(one, 0) for one in self._ids()}
        sandboxes = await self._runtime.list_sandboxes()
        containers = await self._runtime.list_containers()
        changed = {one.metadata.uid for one in sandboxes if await self._relist_sandbox(one)}
        changed |= {one.labels.get(POD_UID, "") for one in containers if await self._relist_container(one)}
        seen = {one.id for one in sandboxes} | {one.id for one in containers}
        for one_id, touched in before.items():
            if one_id not in seen and self._touched.get(one_id, 0) == touched:
                changed.add(self._owner(one_id))
                self.forget(one_id)
        for uid in changed - {""}:
            self._changed(uid)

    async def _relist_sandbox(self, item: pb.PodSandbox) -> bool:
        pod = self._pods.get(item.metadata.uid)
        known = pod.sandboxes.get(item.id) if pod else None
        if known is not None and known.ready == (item.state == pb.SANDBOX_READY):
            return False
        await self.refresh_sandbox(item.id)
        return True

    async def _relist_container(self, item: pb.Container) -> bool:
        pod = self._pods.get(item.labels.get(POD_UID, ""))
        known = pod.instances.get(item.id) if pod else None
        if known is not None and _RANK[known.state] >= _RANK[run_state(item.state)]:
            return False
        await self.refresh_container(item.id, item.pod_sandbox_id)
        return True

    # --- inside

    def _ids(self) -> list[str]:
        return [one for pod in self._pods.values() for one in (*pod.sandboxes, *pod.instances)]

    def _owner(self, one_id: str) -> str:
        found = (pod.uid for pod in self._pods.values() if one_id in pod.instances or one_id in pod.sandboxes)
        return next(found, "")

    def _pod(self, uid: str, name: str, namespace: str) -> _Pod:
        pod = self._pods.get(uid)
        if pod is None:
            pod = self._pods[uid] = _Pod(uid, name, namespace)
        return pod

    def _take_sandbox(self, status: pb.PodSandboxStatus) -> bool:
        """Gives whether it was news."""
        if status.id in self._removed:
            return False
        pod = self._pod(status.metadata.uid, status.metadata.name, status.metadata.namespace)
        new, old = to_sandbox(status), pod.sandboxes.get(status.id)
        if old is not None:
            new = replace(new, ready=new.ready and old.ready, ips=new.ips or old.ips)
        pod.sandboxes[new.id] = new
        self._touched[new.id] = self._round + 1
        return new != old

    def _take_container(self, status: pb.ContainerStatus, sandbox_id: str) -> bool:
        """Gives whether it was news."""
        uid = status.labels.get(POD_UID, "")
        if not uid or status.id in self._removed:
            return False
        pod = self._pod(uid, status.labels.get(POD_NAME, ""), status.labels.get(POD_NAMESPACE, ""))
        new, old = to_instance(status, sandbox_id), pod.instances.get(status.id)
        if old is not None and _RANK[new.state] < _RANK[old.state]:
            return False
        if new.state == "exited":
            self._note_exit(new, first=old is None)
        pod.instances[new.id] = new
        self._touched[new.id] = self._round + 1
        return new != old

    def _note_exit(self, run: Instance, *, first: bool) -> None:
        """An exit found rather than witnessed happened when the runtime says, but not in the future."""
        now = self._clock.time()
        self.exits.setdefault(run.id, min(run.finished_at, now) if first else now)
