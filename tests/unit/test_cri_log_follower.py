"""Copying a log from an engine of ours on a socket, which fails in every way before it gives all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cri.docker import log_follower
from cri.docker.engine import Engine
from cri.docker.log_follower import LogFollower
from wire.seams import make_seams

STAMP = "2026-11-20T10:38:58.{:09d}Z"
ID = "ab" * 32


def frame(number: int) -> bytes:
    data = f"{STAMP.format(number)} line {number}\n".encode()
    return b"\x01\0\0\0" + len(data).to_bytes(4) + data


def chunked(*frames: bytes, whole: bool = True) -> bytes:
    """An answer; one that is not whole breaks off."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in frames)
    return b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + (b"0\r\n\r\n" if whole else b"")


def refused(code: int) -> bytes:
    return f'HTTP/1.1 {code} X\r\nContent-Length: 16\r\n\r\n{{"message": "no"}}'.encode()


WHOLE = chunked(frame(1), frame(2), frame(3))


@asynccontextmanager
async def engine(folder: Path, answers: list[bytes]) -> AsyncIterator[Engine]:
    """It gives each of `answers` once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        writer.close()

    path = folder / "docker.sock"
    server = await asyncio.start_unix_server(serve, str(path))
    made = Engine(f"unix://{path}", make_seams("runtime"))
    try:
        yield made
    finally:
        made.close()
        server.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follower, "DOCKER_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        ([WHOLE], ["line 1", "line 2", "line 3"]),
        ([refused(503), b"", WHOLE], ["line 1", "line 2", "line 3"]),
        ([chunked(frame(1), frame(2), whole=False), refused(500), WHOLE], ["line 1", "line 2", "line 3"]),
        ([chunked(frame(1), whole=False), refused(404)], ["line 1"]),
    ],
    ids=["at once", "away at first", "broken off", "gone"],
)
async def test_last_words_are_copied_when_the_engine_gives_them(
    tmp_path: Path, answers: list[bytes], lines: list[str]
) -> None:
    path = tmp_path / "0.log"
    async with engine(tmp_path, answers) as docker:
        follower = LogFollower(docker, ID, path, tty=False)
        follower.container_ended()
        async with asyncio.timeout(20):
            await follower.run()
    assert not answers and follower.done.is_set()
    assert [line.split(" ", 3)[3] for line in path.read_text().splitlines()] == lines


async def test_nothing_is_called_complete_while_the_engine_is_away(tmp_path: Path) -> None:
    answers: list[bytes] = []
    async with engine(tmp_path, answers) as docker:
        away = tmp_path / "docker.sock"
        away.rename(tmp_path / "elsewhere")
        follower = LogFollower(docker, ID, tmp_path / "0.log", tty=False)
        follower.container_ended()
        copying = asyncio.create_task(follower.run())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not copying.done()
        answers.append(WHOLE)
        (tmp_path / "elsewhere").rename(away)
        async with asyncio.timeout(20):
            await copying
    assert len((tmp_path / "0.log").read_text().splitlines()) == 3
