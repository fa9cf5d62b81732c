"""What the runtime has, by pod uid: fed by the runtime's events, by what our own calls answered, and by listing.

The three do not arrive in order, so facts only move forward: a run goes created -> running -> exited, a sandbox from
ready to not ready, and what is gone stays gone until a later listing has it. Whoever cares is told the uid of each pod
that changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from kubelet.pod_state import Instance, PodState, Sandbox, pod_state
from kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID, CriRuntime, run_state, to_instance, to_sandbox
from proto import cri_pb2 as pb

R = TypeVar("R")

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
        self._removed: OrderedDict[str, int] = OrderedDict()  # and which listing was the last to begin before
        self._untold: set[str] = set()
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
        self._removed[one_id] = self._round
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
        """Ask for everything; learn what changed and what is gone. Raises ApiError if the runtime does not answer.

        What it has learnt until then is told all the same. One that is cancelled leaves that to `tell`: the kubelet may
        be ending, and nobody is to be woken then.
        """
        try:
            await self._learn()
        except ApiError:
            self.tell()
            raise
        self.tell()

    def tell(self) -> None:
        """Tell what listings have learnt and nobody was told."""
        untold, self._untold = self._untold - {""}, set()
        for uid in untold:
            self._changed(uid)

    async def _learn(self) -> None:
        self._round += 1
        began = self._round
        before = {one: self._touched.get(one, 0) for one in self._ids()}
        sandboxes = await self._runtime.list_sandboxes()
        containers = await self._runtime.list_containers()
        there = {one.id for one in sandboxes if await self._relist_sandbox(one, began)}
        there |= {one.id for one in containers if await self._relist_container(one, began)}
        for one_id, touched in before.items():
            if one_id not in there and self._touched.get(one_id, 0) == touched:
                self._untold.add(self._owner(one_id))
                self.forget(one_id)

    async def _relist_sandbox(self, item: pb.PodSandbox, began: int) -> bool:
        """Gives whether it is there still."""
        pod = self._pods.get(item.metadata.uid)
        known = pod.sandboxes.get(item.id) if pod else None
        if known is not None and known.ready == (item.state == pb.SANDBOX_READY):
            return True
        status = await _unless_gone(self._runtime.sandbox_status(item.id))
        if status is None:
            return False
        self._bring_back(item.id, began)
        if self._take_sandbox(status):
            self._untold.add(item.metadata.uid)
        return True

    async def _relist_container(self, item: pb.Container, began: int) -> bool:
        """Gives whether it is there still."""
        uid = item.labels.get(POD_UID, "")
        pod = self._pods.get(uid)
        known = pod.instances.get(item.id) if pod else None
        if known is not None and _RANK[known.state] >= _RANK[run_state(item.state)]:
            return True
        status = await _unless_gone(self._runtime.container_status(item.id))
        if status is None:
            return False
        self._bring_back(item.id, began)
        if self._take_container(status, item.pod_sandbox_id):
            self._untold.add(uid)
        return True

    def _bring_back(self, one_id: str, began: int) -> None:
        """A listing that began after the removal found it: the id was given again, or the removal was told by mistake.

        One that was removed while the listing went on is only found because the answer is old.
        """
        if self._removed.get(one_id, began) < began:
            del self._removed[one_id]

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


async def _unless_gone(asked: Awaitable[R]) -> R | None:
    """None for what was removed since it was listed. Raises ApiError for any other refusal."""
    try:
        return await asked
    except ApiError as error:
        if error.code != 404:
            raise
        return None
