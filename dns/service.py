"""One query, from its bytes to the bytes of its answer: ours at once, others' through the forwarder."""

from __future__ import annotations

import logging
from collections.abc import Callable

from apimachinery.clock import Clock
from dns.forward import Forwarder
from dns.messages import NotAQuestion, Query, encode, encode_failure, encode_followed, parse, question_for
from dns.records import Answer, Question, Rcode
from dns.resolver import Resolver

_log = logging.getLogger(__name__)

TCP_MAX_BYTES = 65535


class NameService:
    """`ready` says whether the zone has been seen whole: before, a name that exists would be denied."""

    def __init__(self, resolver: Resolver, forwarder: Forwarder, ready: Callable[[], bool], clock: Clock) -> None:
        self._resolver = resolver
        self._forwarder = forwarder
        self._ready = ready
        self._clock = clock

    def answer_now(self, data: bytes, *, tcp: bool) -> tuple[bytes | None, Query | None]:
        """(answer, None) if it can be given at once; (None, query) if others must be asked; (None, None): ignore it."""
        try:
            query = parse(data)
        except NotAQuestion as error:
            _log.debug("not answered: %s", error)
            return None, None
        try:
            return self._answer_now(query, tcp)
        except Exception:  # noqa: BLE001 - one question must not close the socket on all others
            _log.exception("answering %s", query.question)
            return encode_failure(query, Rcode.SERVFAIL), None

    def _answer_now(self, query: Query, tcp: bool) -> tuple[bytes | None, Query | None]:
        if query.question is None:
            return encode_failure(query, Rcode.NOTIMP), None
        answer = self._local(query.question)
        if answer is None:
            return (None, query) if self._forwarder.servers else (encode_failure(query, Rcode.REFUSED), None)
        if answer.follow:
            return None, query
        return encode(query, answer, self._limit(query, tcp), authoritative=answer.rcode is not Rcode.SERVFAIL), None

    async def answer_later(self, data: bytes, query: Query, *, tcp: bool) -> bytes:
        """Ask others."""
        try:
            return await self._answer_later(data, query, tcp)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("answering %s", query.question)
            return encode_failure(query, Rcode.SERVFAIL)

    async def _answer_later(self, data: bytes, query: Query, tcp: bool) -> bytes:
        question = query.question
        assert question is not None
        answer = self._local(question)
        if answer is not None and answer.follow:
            asked = question_for(answer.follow, question.type)
            reply = await self._forwarder.ask(asked, tcp=tcp) if self._forwarder.servers else None
            return encode_followed(query, answer, reply, self._limit(query, tcp))
        return await self._forwarder.ask(data, tcp=tcp) or encode_failure(query, Rcode.SERVFAIL)

    def _local(self, question: Question) -> Answer | None:
        if not self._ready():
            return Answer(Rcode.SERVFAIL) if self._resolver.is_ours(question.name) else None
        return self._resolver.answer(question, serial=int(self._clock.time()))

    @staticmethod
    def _limit(query: Query, tcp: bool) -> int:
        return TCP_MAX_BYTES if tcp else query.udp_bytes
