"""Queries as bytes: wire form, lengths, and what goes to others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dnslib
import pytest

from apimachinery.clock import FakeClock
from dns.forward import Forwarder, upstreams
from dns.resolver import Resolver
from dns.service import NameService
from tests.support.names import Names, make_service, make_slice, small_cluster


class Outside(Forwarder):
    """Answers every question with one address, or not at all."""

    def __init__(self, *, answers: bool = True, servers: tuple[str, ...] = ("192.0.2.53",)) -> None:
        super().__init__(list(servers))
        self._answers = answers
        self.asked: list[str] = []

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        message = dnslib.DNSRecord.parse(query)
        self.asked.append(str(message.q.qname))
        if not self._answers:
            return None
        reply = message.reply()
        reply.add_answer(dnslib.RR(message.q.qname, rdata=dnslib.A("198.51.100.1"), ttl=5))
        return bytes(reply.pack())


def make(zone: Names | None = None, outside: Forwarder | None = None, *, ready: bool = True) -> NameService:
    resolver = Resolver("cluster.local", zone or small_cluster())
    return NameService(resolver, outside or Outside(), lambda: ready, FakeClock())


async def ask(service: NameService, name: str, type_: str = "A", *, tcp: bool = False, edns: int = 0) -> Any:
    message = dnslib.DNSRecord.question(name, type_)
    if edns:
        message.add_ar(dnslib.EDNS0(udp_len=edns))
    data = bytes(message.pack())
    answer, query = service.answer_now(data, tcp=tcp)
    if query is not None:
        answer = await service.answer_later(data, query, tcp=tcp)
    assert answer is not None
    reply = dnslib.DNSRecord.parse(answer)
    assert reply.header.id == message.header.id
    reply.length = len(answer)
    return reply


def rcode(reply: Any) -> str:
    return str(dnslib.RCODE[reply.header.rcode])


async def test_an_answer_of_ours() -> None:
    reply = await ask(make(), "Web.default.svc.cluster.local")
    assert [str(one) for one in reply.rr] == ["Web.default.svc.cluster.local. 30      IN      A       10.96.0.20"]
    assert (reply.header.aa, reply.header.ra, reply.header.qr) == (1, 1, 1)


@pytest.mark.parametrize("type_", ["SRV", "SOA", "NS", "TXT", "PTR", "AAAA", "ANY", "MX"])
async def test_every_type_can_be_put_into_wire_form(type_: str) -> None:
    for name in (
        "db.default.svc.cluster.local",
        "cluster.local",
        "20.0.96.10.in-addr.arpa",
        "dns-version.cluster.local",
    ):
        assert rcode(await ask(make(), name, type_)) == "NOERROR"


async def test_a_denial_carries_the_soa() -> None:
    reply = await ask(make(), "nothing.default.svc.cluster.local")
    assert rcode(reply) == "NXDOMAIN"
    assert [one.rtype for one in reply.auth] == [dnslib.QTYPE.SOA]


def crowd() -> Names:
    endpoints = [{"addresses": [f"10.244.1.{number}"], "conditions": {"ready": True}} for number in range(200)]
    return Names([make_service("big", clusterIP="None")], [make_slice("big", endpoints)])


@pytest.mark.parametrize(
    ("tcp", "edns", "whole"), [(False, 0, False), (False, 1232, False), (False, 4096, True), (True, 0, True)]
)
async def test_long_answers_are_cut_where_they_must_be(tcp: bool, edns: int, whole: bool) -> None:
    reply = await ask(make(crowd()), "big.default.svc.cluster.local", tcp=tcp, edns=edns)
    assert bool(reply.header.tc) is not whole
    assert len(reply.rr) == (200 if whole else 0)
    assert reply.length <= max(edns, 512) or tcp
    assert bool([one for one in reply.ar if one.rtype == dnslib.QTYPE.OPT]) is bool(edns)


async def test_other_names_are_forwarded() -> None:
    outside = Outside()
    reply = await ask(make(outside=outside), "example.com")
    assert str(reply.rr[0].rdata) == "198.51.100.1"
    assert outside.asked == ["example.com."]


async def test_an_external_name_is_answered_with_its_target() -> None:
    reply = await ask(make(), "out.default.svc.cluster.local")
    assert [dnslib.QTYPE[one.rtype] for one in reply.rr] == ["CNAME", "A"]
    alone = await ask(make(outside=Outside(servers=())), "out.default.svc.cluster.local")
    assert [dnslib.QTYPE[one.rtype] for one in alone.rr] == ["CNAME"]


async def test_nobody_to_ask_and_nobody_who_answers() -> None:
    assert rcode(await ask(make(outside=Outside(servers=())), "example.com")) == "REFUSED"
    assert rcode(await ask(make(outside=Outside(answers=False)), "example.com")) == "SERVFAIL"


async def test_nothing_is_denied_before_everything_was_seen() -> None:
    assert rcode(await ask(make(ready=False), "web.default.svc.cluster.local")) == "SERVFAIL"


@pytest.mark.parametrize("data", [b"", b"\x00", b"x" * 11, b"\xff" * 40, bytes(12), bytes(range(64))])
async def test_noise_is_ignored(data: bytes) -> None:
    assert make().answer_now(data, tcp=False)[1] is None


async def test_a_response_is_not_answered() -> None:
    reply = dnslib.DNSRecord.question("web.default.svc.cluster.local").reply().pack()
    assert make().answer_now(bytes(reply), tcp=False) == (None, None)


def test_resolvers_come_from_the_file_without_ourselves(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("search x\nnameserver 10.240.0.1\nnameserver 192.0.2.1\nnameserver bad\nnameserver 192.0.2.2\n")
    assert upstreams(path, {"10.240.0.1"}) == ["192.0.2.1", "192.0.2.2"]
    assert upstreams(tmp_path / "none", set()) == []


async def test_the_next_resolver_is_asked_when_one_is_away() -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.2", 0))
    port = transport.get_extra_info("sockname")[1]
    forwarder = Forwarder(["127.0.0.3", "127.0.0.2"], port=port)
    assert await forwarder.ask(b"id-question", tcp=False) == b"id-question"
    transport.close()
