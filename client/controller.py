"""The one work loop: every controller of every component runs in it."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from apimachinery.errors import ApiError
from apimachinery.resources import split_key
from client.last_reconciles import LastReconciles
from client.limits import UNAVAILABLE_RETRY_SECONDS
from client.workqueue import ShutDown, WorkQueue
from wire import trace
from wire.gates import GateError, Subject, Verdict
from wire.seams import Seams
from wire.span import Span

NOTHING = "nothing to do"
"""What a reconcile has decided that went well and does not say: the key is none of its business, or no more."""

_log = logging.getLogger(__name__)


class Dropped(Exception):
    """A rule lost the message at its gate: what was asked for besides it stays asked for."""


class Controller(Protocol):
    """Brings the world nearer to what one object says."""

    @property
    def name(self) -> str:
        """As in `reconcile:NAME`."""

    async def reconcile(self, key: str) -> float | None:
        """Read caches, decide, act. May give seconds after which to look again. ApiError means: try again."""


async def run_controller(controller: Controller, queue: WorkQueue, seams: Seams, *, workers: int = 2) -> None:
    """Work on keys until the queue is shut down or the task cancelled."""
    seams.gates.declare(f"reconcile:{controller.name}")
    lasts = LastReconciles(controller.name, queue, seams)
    seams.explainers.append(lasts.explain)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(_work(controller, queue, seams, lasts))
    finally:
        seams.explainers.remove(lasts.explain)
        queue.shut_down()


async def _work(controller: Controller, queue: WorkQueue, seams: Seams, lasts: LastReconciles) -> None:
    while True:
        try:
            key, links = await queue.get()
        except ShutDown:
            return
        try:
            await _process(controller, queue, seams, lasts, key, links)
        finally:
            queue.done(key)


async def _process(
    controller: Controller, queue: WorkQueue, seams: Seams, lasts: LastReconciles, key: str, links: tuple[str, ...]
) -> None:
    """Reconcile, and queue the key again where that is called for: in the same trace, for the same cause."""
    trace.attach(links[-1] if links else "")
    try:
        again = await reconcile_once(controller, seams, key, links, lasts)
    except ApiError as error:
        _retry_refused(controller, queue, key, error)
    except GateError as error:
        _log.info("%s %s: %s", controller.name, key, error)
        queue.add_rate_limited(key)
    except Exception:  # noqa: BLE001 - a bug in one reconcile must not stop the controller: say where, try again
        _log.exception("%s %s: reconcile failed", controller.name, key)
        queue.add_rate_limited(key)
    except Dropped:
        queue.forget(key)
    else:
        queue.went_well(key, again)


def _retry_refused(controller: Controller, queue: WorkQueue, key: str, error: ApiError) -> None:
    """An apiserver that is away says nothing about the key, so its own pause does not grow."""
    if error.code == 503:
        _log.debug("%s %s: %s", controller.name, key, error.message)
        queue.add_after(key, UNAVAILABLE_RETRY_SECONDS)
        return
    level = logging.DEBUG if error.code == 409 else logging.INFO
    _log.log(level, "%s %s: %s: %s", controller.name, key, error.reason, error.message)
    queue.add_rate_limited(key)


async def reconcile_once(
    controller: Controller, seams: Seams, key: str, links: tuple[str, ...] = (), lasts: LastReconciles | None = None
) -> float | None:
    """One reconcile behind its gate, in a span that carries the newest waking event's trace on. Raises what it raises,
    and Dropped."""
    span: Span | None = None
    again: float | None = None
    error = ""
    edge, verdict = f"reconcile:{controller.name}", Verdict.PASS
    try:
        if not seams.gates.passes_freely(edge):
            verdict = await seams.gates.pass_through(edge, Subject("", *split_key(key)))
        if verdict is Verdict.DROP:
            raise Dropped("dropped at its gate")
        with seams.tracer.span(edge, parent=links[-1] if links else "", links=links, heard=True, key=key) as span:
            span.reads = {} if seams.tracer.on else None
            for _ in range(2 if verdict is Verdict.TWICE else 1):
                again = await controller.reconcile(key)
            span.attributes.setdefault("decided", NOTHING)
            if again is not None:
                span.attributes["again_in"] = f"{again:.1f} s"
        return again
    except Exception as problem:
        said = problem.message if isinstance(problem, ApiError) else str(problem)
        error = said if isinstance(problem, ApiError | Dropped) else f"{type(problem).__name__}: {said}"
        raise
    finally:
        if lasts is not None:
            lasts.record(key, span, error, again)
