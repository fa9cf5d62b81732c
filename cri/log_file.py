"""A container's log file in the CRI log format, as log shippers and `kubectl logs` read it.

One record per line: `2016-10-06T00:17:09.669794202Z stdout F the line`; `P` instead of `F` marks a part of a line that
goes on in the next record. The file is rotated at a size, and only so many are kept. A writer that starts anew finds
out from the file itself where its predecessor stopped.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cri.limits import LOG_FILE_BYTES, LOG_FILES, LOG_TAIL_BYTES

STDOUT = "stdout"
STDERR = "stderr"


class Position(NamedTuple):
    """The last record's time, and how many records at the end bear it. No record: ("", 0)."""

    timestamp: str = ""
    records: int = 0


class LogFile:
    """Appends records, which others see after `flush` or `close`. Blocks no longer than the page cache takes."""

    def __init__(self, path: Path, *, max_bytes: int = LOG_FILE_BYTES, max_files: int = LOG_FILES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, timestamp: str, stream: str, line: bytes, *, full: bool = True) -> None:
        """`line` without its newline; `full` is False for a part that goes on."""
        record = b"%s %s %s %s\n" % (timestamp.encode(), stream.encode(), b"F" if full else b"P", line)
        if self._file is None:
            self._open()
        if self._size and self._size + len(record) > self._max_bytes:
            self._rotate(timestamp)
        assert self._file is not None
        self._file.write(record)
        self._size += len(record)

    def position(self) -> Position:
        """Where to go on. Cuts off a last record that was not written to its end."""
        for path in (self.path, *reversed(rotated(self.path))):
            if path.exists() and (lines := _whole_lines(path)):
                stamps = [line.partition(b" ")[0] for line in lines]
                last = stamps[-1]
                return Position(last.decode(), _trailing(stamps, last))
        return Position()

    def flush(self) -> None:
        """Let readers see what was written."""
        if self._file is not None:
            self._file.flush()

    def reopen(self) -> None:
        """After someone else has moved the file away."""
        self.close()
        self._open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def abandon(self) -> None:
        """After a failed write. What was not written is dropped; `position` says where to go on."""
        try:
            self.close()
        except OSError:
            self._file = None  # it is closed all the same

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        self._size = self._file.tell()

    def _rotate(self, timestamp: str) -> None:
        self.close()
        # Down to the nanosecond, so that names are unique and sort as they came.
        digits = re.sub("[-:.Z]", "", timestamp).replace("T", "-")
        self.path.rename(self.path.with_name(f"{self.path.name}.{digits}"))
        for old in rotated(self.path)[: -(self._max_files - 1) or None]:
            old.unlink(missing_ok=True)
        self._open()


def rotated(path: Path) -> list[Path]:
    """The files that `path` was moved to, oldest first."""
    if not path.parent.is_dir():
        return []
    return sorted(one for one in path.parent.glob(f"{path.name}.*") if one.is_file())


def format_timestamp(unix_nanoseconds: int) -> str:
    """RFC 3339 with nine digits, UTC."""
    seconds, nanoseconds = divmod(unix_nanoseconds, 10**9)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanoseconds:09d}Z"


def _whole_lines(path: Path) -> list[bytes]:
    """Of the file's tail."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        start = max(0, size - LOG_TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        if tail and not tail.endswith(b"\n"):
            keep = tail.rfind(b"\n") + 1
            file.truncate(start + keep)
            tail = tail[:keep]
    lines = tail.split(b"\n")[:-1]
    return lines[1:] if start else lines


def _trailing(stamps: list[bytes], last: bytes) -> int:
    count = 0
    for stamp in reversed(stamps):
        if stamp != last:
            break
        count += 1
    return count
