"""What stands in the way of every call, whoever sends or answers it: its gate. See `wire.outgoing`, `wire.incoming`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from apimachinery.errors import ApiError
from wire.errors import reason_of
from wire.gates import NOTHING, GateError, Subject, Verdict
from wire.seams import Seams
from wire.subjects import shown, subject_of

EXEMPT = ("/orrery.debug.", "/grpc.")
"""Methods without seams, of the Debug, health, reflection and channelz services: whoever debugs must not be caught in a
rule of theirs."""


_working_on: ContextVar[Subject] = ContextVar("working on", default=NOTHING)


def working_on(subject: Subject) -> None:
    """From here on, in this task and those it starts, calls that name nothing but an id are about `subject`.

    A kubelet knows whose container it starts; the request does not say.
    """
    _working_on.set(subject)


def _subject_of_call(request: Any) -> Subject:
    subject = subject_of(request)
    known = _working_on.get()
    by_id = subject.kind in ("", "Container", "Pod") and not subject.namespace
    return known if by_id and known.name else subject


async def pass_request_gate(seams: Seams, edge: str, request: Any, peer: str = "") -> Verdict:
    """A gate for a protobuf request. What it is about is worked out only if there is a rule to ask for it."""
    if seams.gates.passes_freely(edge):
        return Verdict.PASS
    return await pass_rpc_gate(seams, edge, _subject_of_call(request), peer=peer, describe=lambda: shown(request))


async def pass_rpc_gate(
    seams: Seams,
    edge: str,
    subject: Subject = NOTHING,
    *,
    peer: str = "",
    describe: Callable[[], str] | None = None,
) -> Verdict:
    """PASS or TWICE. A dropped request looks to its caller as if the peer were gone."""
    try:
        verdict = await seams.gates.pass_through(edge, subject, describe, peer=peer)
    except GateError as error:
        raise ApiError(reason_of(error.code), str(error)) from None
    if verdict is Verdict.DROP:
        raise ApiError("ServiceUnavailable", f"message dropped at {edge}")
    return verdict
