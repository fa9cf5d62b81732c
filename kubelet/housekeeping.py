"""What has to be done now and then: orphans ended and removed, volumes brought up to date."""

from __future__ import annotations

import asyncio
import logging

from api.meta import ObjectMeta
from api.pod import Pod, is_terminal
from apimachinery.errors import ApiError
from kubelet.context import Context
from kubelet.limits import CLEANUP_SECONDS, VOLUME_REFRESH_SECONDS
from kubelet.pod_sync import PodSync
from kubelet.sync import SyncLoop
from kubelet.tokens import TokenSource
from kubelet.volumes.manager import MountFailed

log = logging.getLogger(__name__)


class Housekeeping:
    """Runs once the loop has begun: before that, nothing may be called an orphan."""

    def __init__(self, context: Context, loop: SyncLoop, passes: PodSync, tokens: TokenSource) -> None:
        self._context = context
        self._loop = loop
        self._passes = passes
        self._tokens = tokens

    async def run(self) -> None:
        """Never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clean_for_ever())
            group.create_task(self._refresh_for_ever())

    async def _clean_for_ever(self) -> None:
        while True:
            await self._clean()
            await self._context.clock.sleep(CLEANUP_SECONDS, "look for orphans")

    async def _clean(self) -> None:
        cache, known = self._context.cache, self._loop.uids()
        for uid in [uid for uid in cache.uids() if uid not in known]:
            state = cache.get(uid)
            orphan = Pod(metadata=ObjectMeta(name=state.name, namespace=state.namespace, uid=uid))
            log.info("pod %s is not in the API: ending it", orphan.key)
            try:
                await self._passes.kill(orphan, 1)
            except ApiError as error:
                log.info("cannot end %s yet: %s", orphan.key, error.message)
        for uid in self._context.volumes.uids_on_disk():
            if uid not in self._loop.uids() and not cache.get(uid).is_alive:
                await self._context.volumes.unmount(uid)
                self._tokens.forget(uid)

    async def _refresh_for_ever(self) -> None:
        while True:
            await self._context.clock.sleep(VOLUME_REFRESH_SECONDS, "refresh volumes")
            for pod in self._loop.pods():
                if not is_terminal(pod) and not pod.metadata.deletion_timestamp:
                    await self._refresh(pod)

    async def _refresh(self, pod: Pod) -> None:
        try:
            await self._context.volumes.refresh(pod, (), fresh=False)
        except MountFailed as error:
            self._context.warning(pod, "FailedMount", str(error))
