"""The CRI log file, and how copying goes on after a break."""

from __future__ import annotations

from pathlib import Path

import pytest

from cri.backend import Output
from cri.docker.frames import Demultiplexer
from cri.docker.log_follower import LineSplitter, Resumption, parse, since
from cri.log_file import LogFile, Position, format_timestamp, rotated

STAMP = "2026-11-20T10:38:58.{:09d}Z"


def stamp(number: int) -> str:
    return STAMP.format(number)


def test_records(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "deep" / "0.log")
    log.write(stamp(1), "stdout", b"one")
    log.write(stamp(2), "stderr", b"two", full=False)
    log.flush()
    assert (tmp_path / "deep" / "0.log").read_text().splitlines() == [
        f"{stamp(1)} stdout F one",
        f"{stamp(2)} stderr P two",
    ]


def test_rotation_keeps_so_many_files_and_all_in_order(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = LogFile(path, max_bytes=200, max_files=3)
    for number in range(40):
        log.write(stamp(number), "stdout", b"%03d" % number)
    log.flush()
    files = [*rotated(path), path]
    assert len(files) == 3
    assert all(file.stat().st_size <= 200 for file in files)
    kept = [int(line.split(" ")[3]) for file in files for line in file.read_text().splitlines()]
    assert kept == list(range(kept[0], 40))


def test_position_counts_records_of_the_last_time(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "0.log")
    assert log.position() == Position()
    for number in (1, 2, 2, 2):
        log.write(stamp(number), "stdout", b"x")
    log.flush()
    assert LogFile(tmp_path / "0.log").position() == Position(stamp(2), 3)


def test_position_cuts_off_what_was_not_written_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = LogFile(path)
    log.write(stamp(1), "stdout", b"whole")
    log.close()
    with path.open("ab") as file:
        file.write(b"2026-11-20T10:3")
    assert LogFile(path).position() == Position(stamp(1), 1)
    assert path.read_text().endswith("whole\n")


def test_position_right_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = LogFile(path)
    log.write(stamp(5), "stdout", b"x")
    log.close()
    path.rename(tmp_path / "0.log.20261120-103858")
    assert LogFile(path).position() == Position(stamp(5), 1)


def test_reopen_after_someone_moved_the_file(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = LogFile(path)
    log.write(stamp(1), "stdout", b"old")
    log.flush()
    path.rename(tmp_path / "moved")
    log.reopen()
    log.write(stamp(2), "stdout", b"new")
    log.flush()
    assert path.read_text() == f"{stamp(2)} stdout F new\n"


@pytest.mark.parametrize(
    ("position", "records", "new"),
    [
        (Position(), [1, 1, 2], [1, 1, 2]),
        (Position(stamp(2), 1), [1, 2, 2, 3], [2, 3]),
        (Position(stamp(2), 2), [2, 2, 2, 3], [2, 3]),
        (Position(stamp(2), 2), [3, 3], [3, 3]),
        (Position(stamp(2), 1), [2], []),
    ],
)
def test_resumption(position: Position, records: list[int], new: list[int]) -> None:
    resumption = Resumption(position)
    assert [number for number in records if resumption.is_new(stamp(number))] == new


def test_resumption_twice_over_the_same() -> None:
    resumption = Resumption(Position())
    assert [resumption.is_new(stamp(number)) for number in (1, 2, 2)] == [True, True, True]
    resumption.restart()
    assert [resumption.is_new(stamp(number)) for number in (2, 2, 2, 3)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("data", "line", "full"),
    [
        (b"text\n", b"text", True),
        (b"\n", b"", True),
        (b"last words", b"last words", True),
        (b"x" * 16384, b"x" * 16384, False),
    ],
)
def test_parse(data: bytes, line: bytes, full: bool) -> None:
    record = parse(Output(2, stamp(7).encode() + b" " + data))
    assert record == (stamp(7), "stderr", line, full)


def test_since_is_exact() -> None:
    assert since("2026-11-20T10:38:58.000000007Z") == "1795171138.000000007"
    assert format_timestamp(1795171138_000000007) == "2026-11-20T10:38:58.000000007Z"


def test_frames_come_in_pieces_of_any_size() -> None:
    wire = b"\x01\0\0\0\0\0\0\x03one" + b"\x02\0\0\0\0\0\0\x05error" + b"\x01\0\0\0\0\0\0\0"
    for size in (1, 3, 100):
        demultiplexer = Demultiplexer()
        pieces = [wire[start : start + size] for start in range(0, len(wire), size)]
        outputs = [output for piece in pieces for output in demultiplexer.feed(piece)]
        assert outputs == [(1, b"one"), (2, b"error"), (1, b"")]


def test_lines_of_a_terminal() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b"a b\r\nc")) == [(1, b"a b\r\n")]
    assert list(splitter.feed(b" d\n")) == [(1, b"c d\n")]
