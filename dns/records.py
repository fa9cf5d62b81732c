"""What an answer is made of, before it is put into wire form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Data = str | tuple[int, int, int, str] | tuple[str, str, tuple[int, int, int, int, int]]


class Rcode(Enum):
    """Numbers of RFC 1035, section 4.1.1."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class Record(NamedTuple):
    """`data` is an address, a name or a text; for SRV (priority, weight, port, target); for SOA
    (server, mailbox, (serial, refresh, retry, expire, minimum)). Names have no dot at the end."""

    name: str
    type: str
    data: Data


@dataclass(frozen=True, slots=True)
class Answer:
    rcode: Rcode = Rcode.NOERROR
    answers: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    follow: str = ""
    """A name outside the zone that the last CNAME leads to: the rest of the answer is there."""


@dataclass(frozen=True, slots=True)
class Question:
    """`name` without its last dot, in the case it was asked in."""

    name: str
    type: str

    @property
    def lower(self) -> str:
        return self.name.lower()
