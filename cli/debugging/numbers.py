"""Numbers as people write and read them. On the command line, what is out of range is refused before anything is
changed."""

from __future__ import annotations

import argparse
import math


def natural(text: str) -> int:
    """0, 1, 2 ... Raises ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number, 0 or more")
    return int(text)


def positive(text: str) -> int:
    """1, 2, 3 ... Raises ArgumentTypeError."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number, 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """0 or more. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number of seconds, 0 or more")
    return found


def share(text: str) -> float:
    """Above 0, at most 1. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a share of the messages, above 0 and at most 1, such as 0.3")
    return found


def counted(number: int, word: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {word}{'' if number == 1 else 's'}"
