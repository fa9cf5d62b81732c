"""What a container said last before it ended: most often the reason is there, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import Final

from apimachinery.errors import ApiError
from cli.debugging.fleet import Fleet
from cli.objects import Ref
from cli.rest import Rest
from cli.why.evidence import JSON, container_statuses

CONTAINERS: Final = 3  # of a pod that are asked for their last words
LINES: Final = 3  # of each: what went to standard error may come just before the last line of standard output


async def last_words(fleet: Fleet, ref: Ref, obj: JSON | None) -> dict[str, tuple[str, ...]]:
    """By container, of those that have ended badly; none where nothing is left of the log."""
    if ref.gvr.resource != "pods" or obj is None:
        return {}
    rest = fleet.cluster.rest()
    asked = [(one["name"], _is_previous(one)) for one in container_statuses(obj) if has_failed(one)][:CONTAINERS]
    said = await asyncio.gather(*(asyncio.to_thread(_last_lines, rest, ref, *one) for one in asked))
    return {name: lines for (name, _), lines in zip(asked, said, strict=True) if lines}


def has_failed(status: JSON) -> bool:
    """Did its last run end otherwise than well?"""
    return any(
        bool((status.get(field) or {}).get("terminated", {}).get("exitCode")) for field in ("state", "lastState")
    )


def _is_previous(status: JSON) -> bool:
    return not (status.get("state") or {}).get("terminated")


def _last_lines(rest: Rest, ref: Ref, container: str, previous: bool) -> tuple[str, ...]:
    path = f"/api/v1/namespaces/{ref.namespace}/pods/{ref.name}/log?container={container}&tailLines={LINES}"
    try:
        text = rest.text(f"{path}&previous={str(previous).lower()}")
    except (ApiError, OSError):
        return ()  # the log went with its container, or the kubelet is away, which is told elsewhere
    return tuple(line.strip() for line in text.splitlines() if line.strip())
