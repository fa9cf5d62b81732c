"""`orrery dev COMPONENT`: restart it alone whenever its source changes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cli.errors import UserError
from cli.forms.cluster import Managed
from cli.source.changes import Stamps, changed, mistakes, stamps, watched
from cli.source.telling import manage, wait_anew, wait_new, wait_serving
from cli.source.wanted import is_python
from cli.supervisor import ROOT

POLL_SECONDS = 0.2
SETTLE_SECONDS = 0.05  # an editor that writes several files, or one in pieces, gets this long
FILES_NAMED = 3


async def dev(cluster: str, component: str, more: Sequence[str]) -> str:
    """Until interrupted. Raises UserError if there is nothing to watch."""
    one = manage(cluster, component)
    places = _places(one, more)
    before = stamps(places)
    if not before:
        raise UserError(f"{component} runs no source of ours; say what to watch: --watch DIR")
    names = ", ".join(_short(place) for place in places)
    print(f"watching {len(before)} files in {names}; {component} is restarted when one changes (Ctrl-C ends this)")
    while True:
        await asyncio.sleep(POLL_SECONDS)
        after = stamps(places)
        if after != before:
            after = await _settled(places, after)
            await _restart(one, changed(before, after))
            before = after


def _places(one: Managed, more: Sequence[str]) -> list[Path]:
    want = one.want
    argv = want.argv or one.argv
    extra = [Path(place).resolve() for place in more]
    missing = next((str(place) for place in extra if not place.exists()), "")
    if missing:
        raise UserError(f"--watch {missing}: there is no such file or folder")
    sources = (
        watched(argv, one.source_root, Path(want.cwd)) if want.argv or is_python(argv) else []
    )  # etcd's flags name files that are no source
    return [*(Path(want.cwd) / place for place in sources), *extra]


async def _settled(places: list[Path], seen: Stamps) -> Stamps:
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        after = stamps(places)
        if after == seen:
            return after
        seen = after


async def _restart(one: Managed, files: list[Path]) -> None:
    what = ", ".join(_short(path) for path in files[:FILES_NAMED])
    what += f" and {len(files) - FILES_NAMED} more" if len(files) > FILES_NAMED else ""
    wrong = mistakes(files)
    if wrong:
        print(f"{_now()} {what} changed; not restarted: {'; '.join(wrong)}", flush=True)
        return
    began = time.monotonic()
    try:
        pid = await _anew(one)
    except UserError as error:
        print(f"{_now()} {what} changed; {error}", flush=True)
        return
    how = "runs" if one.want.argv else "serves"
    took = time.monotonic() - began
    print(f"{_now()} {what} changed; {one.name} {how} again after {took:.2f} s (PID {pid})", flush=True)


async def _anew(one: Managed) -> int:
    """Gives the PID of the process that runs the changed source. Raises UserError."""
    since, before = time.time(), one.state.pid
    if one.renew():
        return await wait_anew(one, since)
    want = one.change(lambda want: replace(want, turn=want.turn + 1))
    return await (wait_new(one, before) if want.argv else wait_serving(one, before))


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _short(path: Path) -> str:
    short = os.path.relpath(path, ROOT)
    return str(path) if short.startswith("..") else short
