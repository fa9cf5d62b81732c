"""Who is broken, from readings of `orrery edges --json`: the one before, and those since, the newest last.

Prints lines for a shell: component, node, edge, kind, evidence. Exits with 1 while nothing is to be seen.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

Reading = list[dict[str, Any]]

KINDS = {"held": "held", "dropped": "lost", "failed": "failing", "delayed": "late"}


LONG_SILENT = 3  # readings in a row without an answer: one that is merely busy answers to one of them


def silent(before: Reading, since: list[Reading]) -> tuple[str, str, str, str] | None:
    """Somebody who answered before, and not once in the last readings."""
    last = since[-LONG_SILENT:]
    heard = {one["component"] for reading in last for one in reading}
    found = sorted({one["component"] for one in before} - heard)
    if len(last) < LONG_SILENT or not found:
        return None
    return found[0], "process", "frozen", f"{found[0]} answered before and gives no answer now"


def grown(before: Reading, now: Reading) -> tuple[str, str, str, str] | None:
    """The edge whose counters of trouble grew most."""
    old = {(one["component"], one["edge"]): one for one in before}
    found = []
    for one in now:
        then = old.get((one["component"], one["edge"]), {})
        for column, kind in KINDS.items():
            more = one[column] - then.get(column, 0)
            if more > 0:
                seen = f"{one['component']} at {one['edge']}: {column} grew by {more}"
                found.append((more, one["component"], one["edge"], kind, seen))
    return max(found)[1:] if found else None


def main() -> None:
    before, *since = [json.loads(Path(file).read_text()) for file in sys.argv[1:]]
    culprit = grown(before, since[-1]) or silent(before, since)
    if culprit is None:
        sys.exit(1)
    component, edge, kind, evidence = culprit
    role = next((one for one in ("kube-proxy-", "kubelet-", "runtime-") if component.startswith(one)), "")
    node = component.removeprefix(role) if role else "none"
    named = (("component", component), ("node", node), ("edge", edge), ("kind", kind), ("evidence", evidence))
    print("\n".join(f"{name}={shlex.quote(value)}" for name, value in named))


if __name__ == "__main__":
    main()
