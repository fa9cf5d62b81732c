"""What every controller that owns pods does the same way: finding, making and deleting them, and counting on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic

from api.meta import LabelSelector, T, controller_of
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from client.in_order import after
from client.informer import Event, Informer
from client.recorder import EventRecorder
from client.workqueue import WorkQueue
from controller_manager.batches import for_all, slow_start
from controller_manager.context import Context
from controller_manager.expectations import Expectations
from controller_manager.ownership import claim, compile_selector
from controller_manager.pods import OWNER_INDEX, PodView, is_terminating, orphans
from controller_manager.refusals import namespace_is_going
from controller_manager.settling import wake

JSON = dict[str, Any]


class PodControl(Generic[T]):
    """Pods of one kind of owner. `selector_of` and `size_of` read the owner."""

    def __init__(
        self,
        context: Context,
        kind: str,
        owners: Informer[T],
        queue: WorkQueue,
        recorder: EventRecorder,
        *,
        selector_of: Callable[[T], LabelSelector | None],
        size_of: Callable[[T], int] = lambda _: 0,
    ) -> None:
        self._api = context.api
        self._pods = context.pods
        self._kind = kind
        self._owners = owners
        self._queue = queue
        self._recorder = recorder
        self._selector_of = selector_of
        self._size_of = size_of
        self._expectations = Expectations(context.clock)
        self._pods.add_handler(after(owners, self._on_pod))
        owners.add_handler(self._on_owner)

    # --- observe -----------------------------------------------------------------------------------------------------

    def _on_owner(self, event: Event[T]) -> None:
        """Its own status writes come back as events too; they may wait."""
        if event.type == "DELETED":
            self._expectations.forget(event.object.uid)
        old, new = event.old, event.new
        status_only = old is not None and new is not None and old.metadata.generation == new.metadata.generation
        wake(self._queue, event.object.key, self._size_of(event.object) if status_only else 0)

    def _on_pod(self, event: Event[PodView]) -> None:
        pod = event.object
        for owner in {owner.key: owner for owner in map(self._owner, (event.old, event.new)) if owner}.values():
            if event.type == "ADDED" and not is_terminating(pod):
                self._expectations.creation_seen(owner.uid)
            if event.type == "DELETED" or is_terminating(pod):
                self._expectations.deletion_seen(owner.uid, pod.uid)
            wake(self._queue, owner.key, self._size_of(owner))
        if event.new is not None and controller_of(event.new.metadata) is None:
            self._wake_adopters(event.new)

    def _owner(self, pod: PodView | None) -> T | None:
        """The owner in the cache. Its uid is checked: names come again."""
        reference = controller_of(pod.metadata) if pod is not None else None
        if pod is None or reference is None or reference.kind != self._kind:
            return None
        found = self._owners.get(join_key(pod.namespace, reference.name))
        return found if found is not None and found.uid == reference.uid else None

    def _wake_adopters(self, pod: PodView) -> None:
        if not pod.metadata.labels:
            return
        for owner in self._owners.by_index("namespace", pod.namespace):
            if compile_selector(self._selector_of(owner)).matches(pod.metadata.labels):
                self._queue.add(owner.key)

    def unsettled_for(self, owner: T) -> float | None:
        """None if the cache has seen all that was done for `owner`; else seconds until it is not waited for any more.

        Then someone has to look: what did not come will wake nobody.
        """
        return self._expectations.left(owner.uid)

    async def owned(self, owner: T) -> list[PodView]:
        """Its pods, after adopting and releasing by selector."""
        candidates = self._pods.by_index(OWNER_INDEX, owner.uid)
        candidates += self._pods.by_index(OWNER_INDEX, orphans(owner.namespace))
        return await claim(self._api, owner, compile_selector(self._selector_of(owner)), candidates)

    # --- act ---------------------------------------------------------------------------------------------------------

    async def create(self, owner: T, bodies: Sequence[JSON]) -> ApiError | None:
        """Create pods in batches that grow, unless one fails; gives a failure that someone should hear of."""
        self._expectations.expect_creations(owner.uid, len(bodies))
        succeeded, failure = await slow_start(len(bodies), lambda index: self._create_one(owner, bodies[index]))
        self._expectations.creation_seen(owner.uid, len(bodies) - succeeded)
        return None if failure is not None and namespace_is_going(failure) else failure

    async def _create_one(self, owner: T, body: JSON) -> None:
        try:
            pod = await self._api.create(PodView, body, namespace=owner.namespace)
        except ApiError as error:
            if not namespace_is_going(error):
                self._recorder.event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {pod.name}")

    async def delete(self, owner: T, pods: Iterable[PodView]) -> ApiError | None:
        doomed = list(pods)
        self._expectations.expect_deletions(owner.uid, (pod.uid for pod in doomed))
        return await for_all(doomed, lambda pod: self._delete_one(owner, pod))

    async def _delete_one(self, owner: T, pod: PodView) -> None:
        options = {"preconditions": {"uid": pod.uid}}
        try:
            await self._api.delete(PodView, pod.name, namespace=pod.namespace, options=options)
        except ApiError as error:
            self._expectations.deletion_seen(owner.uid, pod.uid)
            if error.code == 404:
                return
            self._recorder.event(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
            raise
        self._recorder.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")
