"""The queue between handlers and reconcilers.

Contract (tests/unit/test_client_workqueue.py tests each property):
- fair: keys come out in the order in which they went in;
- stingy: a key is handed to one worker at a time, and added many times before that it comes out once;
- a key added while it is worked on comes out again after `done`;
- a look that went well (`went_well`) answers what was asked for later, unless that was asked for while it went on;
- any number of producers and consumers;
- `shut_down`: what is queued still comes out, then `get` raises `ShutDown`.

A key remembers the trace contexts in force when it was added; they become the links of its reconcile's span.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque

from apimachinery.clock import Clock
from client.limits import LATER_STALE, LINKS_PER_KEY, REQUEUE_BASE_SECONDS, REQUEUE_MAX_SECONDS
from wire import trace

_LONGEST_EXPONENT = 40  # beyond it the delay is the maximum anyway, and a float would overflow


class ShutDown(Exception):
    """The queue is shut down and empty."""


def _remember(links: deque[str], context: str) -> None:
    if context and context not in links:
        links.append(context)


class WorkQueue:
    """Keys to work on, now or later."""

    def __init__(
        self,
        clock: Clock,
        name: str = "",
        *,
        base_seconds: float = REQUEUE_BASE_SECONDS,
        max_seconds: float = REQUEUE_MAX_SECONDS,
    ) -> None:
        self._clock = clock
        self._name = name
        self._base = base_seconds
        self._max = max_seconds
        self._ready: deque[str] = deque()
        self._dirty: dict[str, deque[str]] = {}
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._later: dict[str, float] = {}
        self._answered: dict[str, float] = {}  # asked for before the look that goes on
        self._later_links: dict[str, deque[str]] = {}
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.Task[None] | None = None
        self._closed = False

    # --- producers ---------------------------------------------------------------------------------------------------

    def add(self, key: str) -> None:
        """Have `key` worked on soon, in the trace context of the caller."""
        if self._closed:
            return
        waiting = key in self._dirty
        self._link(key)
        if not waiting and key not in self._working:
            self._push(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Have `key` worked on in `seconds` of cluster time. Of several such requests the soonest counts."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        _remember(self._later_links.setdefault(key, deque(maxlen=LINKS_PER_KEY)), trace.current())
        self._ask(key, self._clock.time() + seconds)

    def add_rate_limited(self, key: str) -> None:
        """Have `key` worked on after a pause that doubles with each call until `forget`."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(self._base * 2 ** min(failures, _LONGEST_EXPONENT), self._max))

    def forget(self, key: str) -> None:
        """It went well: the next pause is the first again."""
        self._failures.pop(key, None)

    def went_well(self, key: str, again: float | None) -> None:
        """Between `get` and `done`: look again in `again` seconds of cluster time, if at all, and not as was asked for
        before this look."""
        self.forget(key)
        if self._answered.pop(key, None) is not None:
            if key not in self._later:
                self._later_links.pop(key, None)
            if self._sweep():
                self._wait_anew()
        if again is not None:
            self.add_after(key, again)

    def failures(self, key: str) -> int:
        """How often `key` was rate limited since it last went well."""
        return self._failures.get(key, 0)

    def place(self, key: str) -> str:
        """Where `key` is: in words, "" if nowhere."""
        if key in self._working:
            return "being worked on, and queued again" if key in self._dirty else "being worked on"
        if key in self._dirty:
            return "queued"
        if key in self._later:
            return f"to be looked at again in {max(0.0, self._later[key] - self._clock.time()):.1f} s"
        return ""

    # --- consumers ---------------------------------------------------------------------------------------------------

    async def get(self) -> tuple[str, tuple[str, ...]]:
        """The next key, and the trace contexts that asked for it. Call `done` after it. Raises ShutDown."""
        while not self._ready:
            if self._closed:
                raise ShutDown
            await self._wait()
        key = self._ready.popleft()
        self._working.add(key)
        if key in self._later:
            self._answered[key] = self._later.pop(key)
        return key, tuple(self._dirty.pop(key))

    def done(self, key: str) -> None:
        """The key may be handed out again; at once if it was added meanwhile."""
        self._working.discard(key)
        if key in self._answered:
            self._ask(key, self._answered.pop(key))
        if key in self._dirty:
            self._push(key)

    def shut_down(self) -> None:
        """Take no more keys; delayed ones are given up."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)

    def __len__(self) -> int:
        """Keys that are ready and not handed out."""
        return len(self._ready)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _ask(self, key: str, deadline: float) -> None:
        if not self._closed and deadline < self._later.get(key, float("inf")):
            self._later[key] = deadline
            if len(self._heap) > 2 * len(self._later) + LATER_STALE:
                self._heap = [(at, one) for one, at in self._later.items() if one != key]
                heapq.heapify(self._heap)
            heapq.heappush(self._heap, (deadline, key))
            if self._heap[0][0] >= deadline or self._timer is None:
                self._wait_anew()

    def _link(self, key: str) -> None:
        links = self._dirty.setdefault(key, deque(maxlen=LINKS_PER_KEY))
        for context in (*self._later_links.pop(key, ()), trace.current()):
            _remember(links, context)

    def _push(self, key: str) -> None:
        self._ready.append(key)
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    async def _wait(self) -> None:
        getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            if getter.done() and not getter.cancelled() and self._ready:
                self._pass_wakeup_on()
            raise

    def _pass_wakeup_on(self) -> None:
        """A consumer that was cancelled just as it was woken must not swallow the wake-up."""
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _sweep(self) -> bool:
        """Forget what comes next as long as nobody asks for it any more. Gives whether there was such a thing."""
        before = len(self._heap)
        while self._heap and self._later.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return len(self._heap) < before

    def _wait_anew(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and not self._closed:
            release = self._release_later()
            self._timer = asyncio.get_running_loop().create_task(release, name=f"workqueue-{self._name}")

    async def _release_later(self) -> None:
        """Runs while something is delayed. The trace context of whoever started it is not the keys'."""
        trace.attach("")
        while self._heap:
            await self._clock.sleep_until(self._heap[0][0], f"queue {self._name}: {self._heap[0][1]}")
            now = self._clock.time() + 1e-9
            while self._heap and self._heap[0][0] <= now:
                deadline, key = heapq.heappop(self._heap)
                if self._later.get(key) == deadline:
                    del self._later[key]
                    self.add(key)
            self._sweep()
        self._timer = None
