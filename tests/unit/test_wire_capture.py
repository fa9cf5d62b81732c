"""Capture: who listens is told, within bounds; who does not costs nothing."""

from __future__ import annotations

import asyncio

import pytest

from proto.debug_pb2 import WireMessage, WireRequest
from wire.capture import Capture, takes
from wire.limits import WIRE_BODY_BYTES, WIRE_LISTENERS, WIRE_QUEUE

POD = WireMessage(
    component="scheduler",
    caller="scheduler",
    callee="apiserver",
    method="/orrery.api.v1.Api/WriteMany",
    detail="CREATE binding",
    kind="pods",
    namespace="default",
    name="web-1",
    status="OK",
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"method": "writemany"}, True),
        ({"method": "binding"}, True),
        ({"method": "etcd/"}, False),
        ({"kind": "Pod"}, True),
        ({"kind": "po*"}, True),
        ({"kind": "services"}, False),
        ({"namespace": "def*", "name": "web-*"}, True),
        ({"name": "db"}, False),
        ({"errors": True}, False),
    ],
)
def test_filters(wanted: dict[str, object], expected: bool) -> None:
    assert takes(WireRequest(**wanted), POD) is expected  # type: ignore[arg-type]


def test_what_is_told_by_the_callee_comes_only_when_asked_for() -> None:
    served = WireMessage(method="/x.Y/Z", served=True)
    assert not takes(WireRequest(), served)
    assert takes(WireRequest(served=True), served)


def test_active_only_while_somebody_listens() -> None:
    capture = Capture()
    seen = [(capture.active, capture.bodies)]
    with capture.listen(WireRequest(bodies=True)):
        seen.append((capture.active, capture.bodies))
    seen.append((capture.active, capture.bodies))
    assert seen == [(False, False), (True, True), (False, False)]


async def test_a_listener_gets_what_it_wants_with_bodies() -> None:
    capture = Capture()
    with capture.listen(WireRequest(kind="pod", bodies=True)) as listener:
        capture.offer(WireMessage(method="/x.Y/Z", kind="services"))
        capture.offer(POD, b'{"a":1}', b'{"b":2}', b'{"c":3}')
        message = await anext(listener.messages())
    assert (message.name, message.request, message.response, message.before) == (
        "web-1",
        b'{"a":1}',
        b'{"b":2}',
        b'{"c":3}',
    )
    assert message.time > 0


async def test_bodies_are_left_out_unless_wanted_and_cut_if_too_long() -> None:
    capture = Capture()
    with capture.listen(WireRequest()) as plain, capture.listen(WireRequest(bodies=True)) as full:
        capture.offer(POD, b'"' + b"x" * WIRE_BODY_BYTES + b'"')
        assert (await anext(plain.messages())).request == b""
        assert b"more than the" in (await anext(full.messages())).request


async def test_what_does_not_fit_is_counted_and_told() -> None:
    capture = Capture()
    with capture.listen(WireRequest()) as listener:
        for _ in range(WIRE_QUEUE + 37):
            capture.offer(POD)
        stream = listener.messages()
        first = [await anext(stream) for _ in range(WIRE_QUEUE)]
        assert not any(one.lost for one in first)
        told = await anext(stream)
        assert (told.lost, told.method) == (37, "")  # after the burst, in a message that is nothing else
        capture.offer(POD)
        assert (await anext(stream)).lost == 0


async def test_a_loss_is_told_with_the_next_message() -> None:
    capture = Capture()
    with capture.listen(WireRequest()) as listener:
        for _ in range(WIRE_QUEUE + 5):
            capture.offer(POD)
        stream = listener.messages()
        await anext(stream)
        capture.offer(POD)
        rest = [await anext(stream) for _ in range(WIRE_QUEUE)]
        assert [one.lost for one in rest if one.lost] == [5]


async def test_a_queue_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wire.capture.WIRE_QUEUE_BYTES", 1000)
    capture = Capture()
    with capture.listen(WireRequest(bodies=True)) as listener:
        for _ in range(10):
            capture.offer(POD, b'"' + b"x" * 900 + b'"')
        stream = listener.messages()
        await anext(stream)
        assert (await anext(stream)).lost == 9


async def test_recent_messages_are_there_for_who_comes_later() -> None:
    capture = Capture()
    with capture.listen(WireRequest()):
        capture.offer(POD)
        with capture.listen(WireRequest(recent=True)) as late, capture.listen(WireRequest()) as fresh:
            assert (await anext(late.messages())).name == "web-1"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(fresh.messages())


def test_listeners_are_bounded() -> None:
    capture = Capture()
    from contextlib import ExitStack

    with ExitStack() as stack:
        for _ in range(WIRE_LISTENERS):
            stack.enter_context(capture.listen(WireRequest()))
        with pytest.raises(OverflowError):
            stack.enter_context(capture.listen(WireRequest()))
