"""The protobuf wire format: varints, tags, lengths. Only what Kubernetes messages use."""

from __future__ import annotations

from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5


class Malformed(Exception):
    """The bytes are not what the wire format allows."""


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """(value, position after it)."""
    result = shift = 0
    try:
        while True:
            byte = data[position]
            position += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result & 0xFFFFFFFFFFFFFFFF, position
            shift += 7
            if shift > 63:
                raise Malformed("proto: integer overflow")
    except IndexError:
        raise Malformed("unexpected EOF") from None


def read_span(data: bytes, position: int, end: int) -> tuple[int, int]:
    """(start, stop) of a length-delimited value; what comes next begins at stop."""
    length, start = read_varint(data, position)
    stop = start + length
    if stop > end:
        raise Malformed("unexpected EOF")
    return start, stop


def skip(data: bytes, position: int, end: int, wire_type: int) -> int:
    """The position after a value nobody knows."""
    if wire_type == VARINT:
        position = read_varint(data, position)[1]
    elif wire_type == LENGTH:
        position = read_span(data, position, end)[1]
    elif wire_type in (FIXED64, FIXED32):
        position += 8 if wire_type == FIXED64 else 4
    else:
        raise Malformed(f"proto: illegal wireType {wire_type}")
    if position > end:
        raise Malformed("unexpected EOF")
    return position


def signed(value: int) -> int:
    """A varint as the two's complement it stands for."""
    return value - (1 << 64) if value >> 63 else value


def write_varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_span(tag: bytes, content: bytes) -> bytes:
    return tag + write_varint(len(content)) + content


def tag(number: int, wire_type: int) -> bytes:
    return write_varint(number << 3 | wire_type)
