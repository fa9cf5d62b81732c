"""Resource quantities: `100m`, `1.5Gi`, `1e3`. Exact arithmetic and the canonical form the API writes.

Rules: API documentation of `resource.Quantity`. Values are kept to nano precision and rounded away from zero beyond
it; a binary quantity stays binary only while it is a whole number of at least 1024.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

FORMAT_MESSAGE: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC_MESSAGE: Final = "unable to parse numeric part of quantity"
SUFFIX_MESSAGE: Final = "unable to parse quantity's suffix"

CACHED_TEXTS: Final = 4096
"""Parsed texts remembered; a cluster writes the same few over and over."""

_NANO: Final = 10**9
_MAX_BINARY: Final = Fraction(2**63 - 1)

_DECIMAL_SUFFIXES: Final[dict[str, int]] = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY_SUFFIXES: Final[dict[str, int]] = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_BY_EXPONENT: Final = {exponent: suffix for suffix, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_BY_EXPONENT: Final = {exponent: suffix for suffix, exponent in _BINARY_SUFFIXES.items()}

_SHAPE = re.compile(r"([+-]?)([0-9]*)(\.[0-9]*)?([eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact amount, and the notation it is written in. Equal amounts are equal in any notation."""

    value: Fraction
    format: Format = field(default="DecimalSI", compare=False)

    def __str__(self) -> str:
        return _write(self.value, self.format)

    def __bool__(self) -> bool:
        return self.value != 0

    def __add__(self, other: Quantity) -> Quantity:
        # As upstream: a zero has no notation of its own to insist on.
        return Quantity(self.value + other.value, self.format if self.value else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.value - other.value, self.format if self.value else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.value, self.format)

    def __lt__(self, other: Quantity) -> bool:
        return self.value < other.value

    def __le__(self, other: Quantity) -> bool:
        return self.value <= other.value

    def __gt__(self, other: Quantity) -> bool:
        return self.value > other.value

    def __ge__(self, other: Quantity) -> bool:
        return self.value >= other.value

    def to_int(self) -> int:
        """Whole units, rounded away from zero."""
        return _round_up(self.value)

    def to_milli(self) -> int:
        """Thousandths, rounded away from zero."""
        return _round_up(self.value * 1000)


ZERO: Final = Quantity(Fraction(0))


def parse(text: str | int | float) -> Quantity:
    """The quantity a text or a JSON number means. Raises ValueError in upstream's words."""
    if isinstance(text, str):
        return _parse(text)
    if isinstance(text, bool) or not isinstance(text, int | float):
        raise ValueError(FORMAT_MESSAGE)
    return _parse(repr(text))


def to_int(text: str | int | float) -> int:
    """Whole units (bytes, pods), rounded up."""
    return parse(text).to_int()


def to_milli(text: str | int | float) -> int:
    """Thousandths (milli-CPU), rounded up."""
    return parse(text).to_milli()


def canonical(text: str | int | float) -> str:
    """The same amount in the form the API server answers with: `1000m` -> `1`, `1024Mi` -> `1Gi`."""
    return str(parse(text))


def from_int(value: int, notation: Format = "DecimalSI") -> Quantity:
    return Quantity(Fraction(value), notation)


def from_milli(value: int, notation: Format = "DecimalSI") -> Quantity:
    return Quantity(Fraction(value, 1000), notation)


@lru_cache(CACHED_TEXTS)
def _parse(text: str) -> Quantity:
    shape = _SHAPE.fullmatch(text)
    if not text or not shape:
        raise ValueError(FORMAT_MESSAGE)
    sign, whole, fraction, suffix = shape.groups()
    if not whole and not suffix and (fraction or "") in ("", "."):
        raise ValueError(NUMERIC_MESSAGE if fraction else FORMAT_MESSAGE)
    factor, notation = _interpret(suffix)
    digits = (fraction or ".")[1:]
    amount = Fraction(int((whole + digits) or "0"), 10 ** len(digits)) * factor
    return _bounded(amount, notation, negative=sign == "-")


def _interpret(suffix: str) -> tuple[Fraction, Format]:
    if suffix in _DECIMAL_SUFFIXES:
        return Fraction(10) ** _DECIMAL_SUFFIXES[suffix], "DecimalSI"
    if suffix in _BINARY_SUFFIXES:
        return Fraction(2) ** _BINARY_SUFFIXES[suffix], "BinarySI"
    exponent = _EXPONENT.fullmatch(suffix)
    # An exponent beyond three digits would be a number of megabytes; nobody means it.
    if not exponent or len(exponent[1]) > 4:
        raise ValueError(SUFFIX_MESSAGE)
    return Fraction(10) ** int(exponent[1]), "DecimalExponent"


def _bounded(amount: Fraction, notation: Format, *, negative: bool) -> Quantity:
    if amount.denominator != 1:
        amount = Fraction(_round_up(amount * _NANO), _NANO)
    if notation == "BinarySI":
        amount = min(amount, _MAX_BINARY)
        if 0 < amount < 1:
            notation = "DecimalSI"
    return Quantity(-amount if negative else amount, notation)


def _round_up(amount: Fraction) -> int:
    """Away from zero."""
    magnitude = -(-abs(amount.numerator) // amount.denominator)
    return magnitude if amount >= 0 else -magnitude


@lru_cache(CACHED_TEXTS)
def _write(value: Fraction, notation: Format) -> str:
    if not value:
        return "0"
    if notation == "BinarySI" and abs(value) >= 1024 and value.denominator == 1:
        return _write_binary(value.numerator)
    nanos = _round_up(value * _NANO)
    mantissa, exponent = _strip(nanos, 10, limit=None)
    exponent -= 9
    while exponent % 3:
        mantissa, exponent = mantissa * 10, exponent - 1
    if notation == "DecimalExponent":
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    if exponent > 18:
        mantissa, exponent = mantissa * 10 ** (exponent - 18), 18
    return f"{mantissa}{_DECIMAL_BY_EXPONENT[exponent]}"


def _write_binary(number: int) -> str:
    mantissa, times = _strip(number, 1024, limit=6)
    return f"{mantissa}{_BINARY_BY_EXPONENT.get(times * 10, '')}"


def _strip(number: int, base: int, limit: int | None) -> tuple[int, int]:
    """Divide out factors of `base`: (what is left, how many were there)."""
    times = 0
    while number % base == 0 and (limit is None or times < limit):
        number //= base
        times += 1
    return number, times
