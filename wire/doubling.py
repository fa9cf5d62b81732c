"""A message that arrives twice, as gates may want: it is carried out twice, and whoever sent it hears one answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from apimachinery.errors import ApiError
from wire.gates import Verdict

_log = logging.getLogger(__name__)
T = TypeVar("T")


async def carry_out(verdict: Verdict, act: Callable[[], Awaitable[T]]) -> T:
    """What `act` gives the first time. The second time nobody listens: what it refuses then is nobody's trouble."""
    answer = await act()
    if verdict is Verdict.TWICE:
        try:
            await act()
        except ApiError as error:
            _log.debug("the second of two messages that are the same: %s", error.message)
    return answer
