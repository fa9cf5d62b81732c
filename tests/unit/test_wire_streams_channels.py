"""Channel frames: what is sent is what is read, and what clients expect byte for byte."""

import pytest

from wire.streams import channels
from wire.streams.channels import V1, V4, V4_BASE64, V5, BadFrame, Channel, Frame, Size


@pytest.mark.parametrize(
    ("message", "protocol", "frame"),
    [
        (b"\x01hello", V5, Frame(1, b"hello")),
        (b"\x00", V5, Frame(0)),
        (b"\xff\x00", V5, Frame(0, close=True)),
        (b"\xff\x00", V4, Frame(255, b"\x00")),
        (b"\x04x", V1, Frame(4, b"x")),
        (b"1aGk=", V4_BASE64, Frame(1, b"hi")),
        (b"0", V4_BASE64, Frame(0)),
    ],
)
def test_decode(message: bytes, protocol: str, frame: Frame) -> None:
    assert channels.decode(message, protocol) == frame


@pytest.mark.parametrize(
    ("message", "protocol"),
    [(b"", V5), (b"\xff", V5), (b"\xff\x00\x01", V5), (b"\x01aa", V4_BASE64), (b"1a", V4_BASE64)],
)
def test_decode_refuses(message: bytes, protocol: str) -> None:
    with pytest.raises(BadFrame):
        channels.decode(message, protocol)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [([], ""), ([V5], V5), ([V4, V5], V5), ([V1, V4], V4), (["x"], None), (["x", V1], V1)],
)
def test_choose(offered: list[str], chosen: str | None) -> None:
    assert channels.choose(offered, channels.EXEC_PROTOCOLS) == chosen


@pytest.mark.parametrize("code", [0, 1, 3, 137])
def test_exit_status_round_trip(code: int) -> None:
    assert channels.exit_code(channels.exit_status(code)) == code


def test_success_is_what_clients_expect() -> None:
    assert channels.exit_status(0) == b'{"metadata":{},"status":"Success"}'


@pytest.mark.parametrize("status", [b"", b"nonsense", channels.failure_status("no such container")])
def test_other_failures_have_no_exit_code(status: bytes) -> None:
    assert channels.exit_code(status) is None


def test_resize() -> None:
    assert channels.encode_resize(Size(80, 24)) == b'{"Width":80,"Height":24}\n'
    assert channels.decode_resize(b'{"Width":1,"Height":2}\n{"Width":3,"Height":4}\n') == Size(3, 4)
    assert channels.decode_resize(b"junk") is None


def test_ports_are_little_endian() -> None:
    assert channels.port_message(8080) == b"\x90\x1f"
    assert channels.parse_port(b"\x90\x1f") == 8080
    with pytest.raises(BadFrame):
        channels.parse_port(b"\x90")


def test_half_close() -> None:
    assert channels.half_close(Channel.STDIN) == b"\xff\x00"
    assert channels.encode(Channel.STDOUT, b"x") == b"\x01x"
