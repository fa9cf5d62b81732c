"""Leader election over a Lease, with client-go's rules: of several replicas one leads.

A candidate takes a lease over only when it has itself seen it unchanged for the lease's duration, so no two clocks are
compared. A leader whose last renewal was sent `renew_seconds` ago stops leading before anyone may take over, whatever
it is waiting for. A leader that stops gives its lease back, so that the next one need not wait.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from api.coordination import Lease
from apimachinery.errors import ApiError
from apimachinery.timestamps import format_micro_time
from client.api import ApiClient
from client.backoff import Backoff
from client.limits import LEASE_REFUSED_SECONDS, RELEASE_SECONDS
from wire.seams import Seams

_log = logging.getLogger(__name__)
JSON = dict[str, Any]

NAMESPACE = "kube-system"
TO_LEAD = "try to lead"
"""How the timer of one ends who does not lead, and waits until it may."""


class LeaderElector:
    """`run(lead)` never returns: it leads whenever it can."""

    def __init__(
        self,
        api: ApiClient,
        seams: Seams,
        name: str,
        identity: str,
        *,
        lease_seconds: float = 15.0,
        renew_seconds: float = 10.0,
        retry_seconds: float = 2.0,
    ) -> None:
        self._api = api
        self._clock = seams.clock
        self._name = name
        self._identity = identity
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._retry_seconds = retry_seconds
        self._seen_version = ""
        self._seen_at = 0.0
        self._renewed = 0.0
        """When the last claim that succeeded was sent: who counts the lease's duration began no earlier."""
        self._refusal = ""
        self.leading = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """`lead()` runs while the lease is held; losing the lease cancels it. Its exceptions are raised here."""
        while True:
            try:
                await self._acquire()
            except asyncio.CancelledError:
                await self._release()  # a claim that was under way may have arrived
                raise
            _log.info("%s: %s leads", self._name, self._identity)
            await self._lead(lead)
            _log.warning("%s: %s lost the lease", self._name, self._identity)

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> None:
        self.leading = True
        leading = asyncio.ensure_future(lead())
        renewing = asyncio.create_task(self._keep())
        lost = False
        try:
            done, _ = await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            lost = renewing in done
        finally:
            self.leading = False
            for task in (leading, renewing):
                task.cancel()
            await asyncio.gather(leading, renewing, return_exceptions=True)
            if not lost:
                await self._release()

    async def _acquire(self) -> None:
        why = f"lease {self._name}: {TO_LEAD}"
        refused = Backoff(self._clock, why, base_seconds=LEASE_REFUSED_SECONDS, max_seconds=self._retry_seconds)
        while not await self._try(self._claim):
            if self._refusal:
                await refused.wait()  # an apiserver that only just starts is asked again soon
            else:
                await self._clock.sleep(self._retry_seconds * (1 + random.random() * 0.2), why)

    async def _keep(self) -> None:
        """Returns when the lease could not be renewed in time, be it refused, unanswered, or not even asked for."""
        while True:
            await self._clock.sleep(self._retry_seconds, f"lease {self._name}: renew")
            left = self._left()
            if left <= 0:
                return  # this process stood still: another may lead already
            try:
                async with self._clock.timeout(left, f"lease {self._name}: give it up"):
                    await self._try(self._claim)
            except TimeoutError:
                return

    def _left(self) -> float:
        return self._renewed + self._renew_seconds - self._clock.time()

    async def _try(self, step: Callable[[], Awaitable[bool]]) -> bool:
        try:
            answer = await step()
            self._refusal = ""
            return answer
        except ApiError as error:
            if error.code not in (409, 503) and error.message != self._refusal:
                _log.warning("lease %s: %s", self._name, error.message)
            self._refusal = error.message
            return False

    async def _claim(self) -> bool:
        """Create, renew or take over the lease. False while another holds it, or may by the time of the answer."""
        lease = await self._read()
        sent = self._clock.time()
        if lease is None:
            await self._api.create(Lease, self._new_lease())
        elif self._may_take(lease, spec := lease.setdefault("spec", {})):
            await self._api.update(Lease, lease | {"spec": self._claimed(spec)})
        else:
            return False
        self._renewed = sent
        return self._left() > 0

    async def _read(self) -> JSON | None:
        try:
            return await self._api.get_raw(Lease.RESOURCE, self._name, NAMESPACE)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def _may_take(self, lease: JSON, spec: JSON) -> bool:
        """Ours, nobody's, or seen unchanged for its whole duration."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, self._clock.time()
        holder = spec.get("holderIdentity", "")
        duration = spec.get("leaseDurationSeconds", self._lease_seconds)
        return holder in ("", self._identity) or self._clock.time() >= self._seen_at + duration

    def _claimed(self, spec: JSON) -> JSON:
        now = format_micro_time(self._clock.time())
        renewed = {**spec, "renewTime": now, "leaseDurationSeconds": int(self._lease_seconds)}
        if spec.get("holderIdentity") != self._identity:
            transitions = int(spec.get("leaseTransitions", 0)) + 1
            renewed |= {"holderIdentity": self._identity, "acquireTime": now, "leaseTransitions": transitions}
        return renewed

    def _new_lease(self) -> JSON:
        now = format_micro_time(self._clock.time())
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._lease_seconds),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": NAMESPACE},
            "spec": spec,
        }

    async def _release(self) -> None:
        """Best effort, and bounded in real time: a process that stops must not hang on a paused cluster."""
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                try:
                    await self._give_back()
                except ApiError as error:
                    if error.code != 409:
                        raise
                    await self._give_back()  # a claim that was under way came between
        except (ApiError, TimeoutError) as error:
            _log.info("lease %s: not given back: %s", self._name, error)

    async def _give_back(self) -> None:
        lease = await self._api.get_raw(Lease.RESOURCE, self._name, NAMESPACE)
        if lease.get("spec", {}).get("holderIdentity") == self._identity:
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._api.update(Lease, lease)
