"""Forgetting etcd's history: what is older than one period goes, as upstream's apiserver does it."""

from __future__ import annotations

import logging

from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from apiserver.limits import COMPACT_SECONDS
from apiserver.storage.etcd import Etcd

log = logging.getLogger(__name__)


async def compact_forever(etcd: Etcd, clock: Clock) -> None:
    """Every period, drop what was history at the start of the period before. Several apiservers may do so at once.

    The cluster's clock counts: while it stands still nothing is forgotten, so a paused cluster can be looked back on.
    """
    keep_from = 0
    while True:
        await clock.sleep(COMPACT_SECONDS, "etcd compaction")
        try:
            if keep_from:
                await etcd.compact(keep_from)
            keep_from = await etcd.revision()
        except ApiError as error:
            log.warning("history was not compacted: %s", error.message)
