"""DNS messages: from bytes to a question, and from an answer to bytes of the length that the client takes."""

from __future__ import annotations

from dataclasses import dataclass

import dnslib

from dns.limits import TTL_SECONDS, UDP_MAX_BYTES, UDP_PLAIN_BYTES
from dns.records import Answer, Question, Rcode, Record


class NotAQuestion(Exception):
    """Bytes that are no DNS query. There may be nobody to answer."""


@dataclass(frozen=True)
class Query:
    """One message of a client. `question` is None for an opcode or a class that is not served."""

    message: dnslib.DNSRecord
    question: Question | None
    udp_bytes: int
    """The longest answer it takes over UDP."""


def parse(data: bytes) -> Query:
    """Raises NotAQuestion."""
    try:
        message = dnslib.DNSRecord.parse(data)
    except (dnslib.DNSError, ValueError, IndexError) as error:
        raise NotAQuestion(str(error)) from error
    if message.header.qr or len(message.questions) != 1:
        raise NotAQuestion("a response, or not one question")
    asked = message.questions[0]
    served = message.header.opcode == dnslib.OPCODE.QUERY and asked.qclass == dnslib.CLASS.IN
    question = Question(str(asked.qname).rstrip("."), _type_name(asked.qtype)) if served else None
    return Query(message, question, _udp_bytes(message))


def _type_name(number: int) -> str:
    try:
        return str(dnslib.QTYPE[number])
    except dnslib.DNSError:
        return f"TYPE{number}"


def _udp_bytes(message: dnslib.DNSRecord) -> int:
    offered = _edns(message)
    return min(max(offered.rclass, UDP_PLAIN_BYTES), UDP_MAX_BYTES) if offered else UDP_PLAIN_BYTES


def _edns(message: dnslib.DNSRecord) -> dnslib.RR | None:
    return next((one for one in message.ar if one.rtype == dnslib.QTYPE.OPT), None)


def encode(query: Query, answer: Answer, limit: int, *, authoritative: bool = True) -> bytes:
    """At most `limit` bytes: what does not fit is left out, and the answer marked truncated."""
    reply = query.message.reply(ra=1, aa=int(authoritative))
    reply.header.rcode = answer.rcode.value
    for one in answer.answers:
        reply.add_answer(_to_rr(one))
    for one in answer.authority:
        reply.add_auth(_to_rr(one))
    for one in answer.additional:
        reply.add_ar(_to_rr(one))
    return _packed(query, reply, limit)


def encode_failure(query: Query, rcode: Rcode) -> bytes:
    return encode(query, Answer(rcode), UDP_PLAIN_BYTES, authoritative=False)


def question_for(name: str, type_: str) -> bytes:
    """A query of our own, for a name that a CNAME leads to."""
    message: bytes = dnslib.DNSRecord.question(name, type_).pack()
    return message


def encode_followed(query: Query, answer: Answer, reply: bytes | None, limit: int) -> bytes:
    """Our CNAMEs, and the records that somebody else answered for the name they lead to."""
    joined = query.message.reply(ra=1, aa=0)
    for one in answer.answers:
        joined.add_answer(_to_rr(one))
    if reply is not None:
        for rr in dnslib.DNSRecord.parse(reply).rr:
            joined.add_answer(rr)
    return _packed(query, joined, limit)


def _packed(query: Query, reply: dnslib.DNSRecord, limit: int) -> bytes:
    """A client that speaks EDNS is answered in it, cut or not (RFC 6891)."""
    extension = [dnslib.EDNS0(udp_len=UDP_MAX_BYTES)] if _edns(query.message) else []
    reply.add_ar(*extension)
    packed: bytes = reply.pack()
    if len(packed) > limit:
        cut = reply.truncate()
        cut.add_ar(*extension)
        packed = cut.pack()
    return packed


def _to_rr(record: Record) -> dnslib.RR:
    return dnslib.RR(record.name, getattr(dnslib.QTYPE, record.type), ttl=TTL_SECONDS, rdata=_rdata(record))


def _rdata(record: Record) -> dnslib.RD:
    data = record.data
    if isinstance(data, str):
        return getattr(dnslib, record.type)(data)
    if len(data) == 4:
        priority, weight, port, target = data
        return dnslib.SRV(priority, weight, port, target)
    server, mailbox, times = data
    return dnslib.SOA(server, mailbox, times)
