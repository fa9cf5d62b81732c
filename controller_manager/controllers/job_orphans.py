"""Job orphans: takes the tracking finalizer off pods that have outlived their Job, as nobody else would.

Watches: Pods, Jobs. Owns: nothing. Writes: that finalizer, of Pods whose Job is gone or is another by now, and of Pods
that their Job has let go.
Invariant: a pod keeps the finalizer as long as there is a Job to count its end; that there is none, the apiserver says.
Source of the rules: syncOrphanPod in pkg/controller/job of Kubernetes v1.36. There it trusts the cache of Jobs, which
may lag behind that of pods.
"""

from __future__ import annotations

from api.batch import Job
from api.meta import OwnerReference, controller_of
from apimachinery.errors import ApiError
from apimachinery.resources import join_key
from client.in_order import after
from client.informer import Event
from controller_manager.context import Context, Managed
from controller_manager.controllers.job import take_finalizer_off
from controller_manager.controllers.job_plan import FINALIZER
from controller_manager.decisions import decide
from controller_manager.limits import POD_WORKERS, UNSETTLED_SECONDS
from controller_manager.ownership import compile_selector
from controller_manager.pods import OWNER_INDEX, PodView, is_terminating, orphans


class JobOrphanController:
    name = "job-orphans"

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._pods = context.pods
        self._jobs = context.informers.get(Job)
        self.queue = context.queue(self.name)
        self._pods.add_handler(after(self._jobs, self._on_pod))
        self._jobs.add_handler(self._on_job)

    def _on_pod(self, event: Event[PodView]) -> None:
        if event.new is not None and self._is_left(event.new):
            self.queue.add(event.new.key)

    def _on_job(self, event: Event[Job]) -> None:
        if event.type != "DELETED":
            return
        for whose in (event.object.uid, orphans(event.object.namespace)):
            for pod in self._pods.by_index(OWNER_INDEX, whose):
                if self._is_left(pod):
                    self.queue.add(pod.key)

    def _is_left(self, pod: PodView) -> bool:
        """Does it wait, by what the cache shows, for a Job that will not count it?"""
        if FINALIZER not in pod.metadata.finalizers:
            return False
        owner = controller_of(pod.metadata)
        if owner is None:
            return is_terminating(pod) or not self._will_be_adopted(pod)
        if (owner.api_version, owner.kind) != (Job.RESOURCE.api_version, Job.KIND):
            return False
        job = self._jobs.get(join_key(pod.namespace, owner.name))
        return job is None or job.uid != owner.uid

    def _will_be_adopted(self, pod: PodView) -> bool:
        return any(
            compile_selector(job.spec.selector).matches(pod.metadata.labels)
            for job in self._jobs.by_index("namespace", pod.namespace)
            if job.metadata.deletion_timestamp is None
        )

    async def reconcile(self, key: str) -> float | None:
        """`key` is a pod's."""
        pod = self._pods.get(key)
        if pod is None or not self._is_left(pod):
            return None
        owner = controller_of(pod.metadata)
        if owner is not None and await self._exists(owner, pod.namespace):
            decide(why=f"Job {owner.name} is there, the cache has not seen it yet")
            return UNSETTLED_SECONDS
        decide(f"remove finalizer {FINALIZER}", why=f"Job {owner.name} is gone" if owner else "no Job owns it")
        await take_finalizer_off(self._api, pod)
        return None

    async def _exists(self, owner: OwnerReference, namespace: str) -> bool:
        try:
            return (await self._api.get(Job, owner.name, namespace)).uid == owner.uid
        except ApiError as error:
            if error.code != 404:
                raise
            return False


def build(context: Context) -> Managed:
    controller = JobOrphanController(context)
    return Managed(controller, controller.queue, POD_WORKERS)
