"""Quantities: canonical forms, rounding and refusals."""

from __future__ import annotations

import pytest

from apimachinery import quantity


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", "1"),
        ("+2", "2"),
        ("-1500m", "-1500m"),
        ("1024", "1024"),
        ("1000", "1k"),
        ("12000", "12k"),
        ("1k", "1k"),
        ("100k", "100k"),
        ("1000000", "1M"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1E", "1E"),
        ("12e2", "1200"),
        ("1Ki", "1Ki"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("1.1Ki", "1126400m"),
        ("100Ei", "9223372036854775807"),
        ("1u", "1u"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("0.0000000001", "1n"),
        ("1000E", "1000E"),
        (0.5, "500m"),
        (2, "2"),
        (1e21, "1e21"),
    ],
)
def test_canonical_form(text: str | int | float, canonical: str) -> None:
    assert quantity.canonical(text) == canonical
    assert quantity.canonical(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "units", "milli"),
    [("100m", 1, 100), ("1001m", 2, 1001), ("1Gi", 2**30, 2**30 * 1000), ("-1500m", -2, -1500), ("1u", 1, 1)],
)
def test_whole_numbers_round_away_from_zero(text: str, units: int, milli: int) -> None:
    assert quantity.to_int(text) == units
    assert quantity.to_milli(text) == milli


@pytest.mark.parametrize("text", ["", "abc", "1 Gi", " 1", "1.5.2", "1Gi ", "1i5x", "٣"])
def test_refuses_what_has_not_the_shape(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["1ki", "1mi", "1GM", "1e", "5nn", "--1"])
def test_refuses_an_unknown_suffix(text: str) -> None:
    with pytest.raises(ValueError, match="unable to parse quantity's suffix"):
        quantity.parse(text)


def test_refuses_what_is_no_number() -> None:
    for value in (True, None, [1]):
        with pytest.raises(ValueError, match="quantities must match"):
            quantity.parse(value)  # type: ignore[arg-type]


def test_arithmetic_keeps_the_first_notation_unless_it_is_zero() -> None:
    gibi, half = quantity.parse("1Gi"), quantity.parse("512M")
    assert str(gibi + gibi) == "2Gi"
    assert str(quantity.ZERO + gibi) == "1Gi"
    assert str(gibi - gibi) == "0"
    assert half < gibi
    assert quantity.parse("1000m") == quantity.parse("1")
    assert str(quantity.from_milli(250)) == "250m"
    assert str(quantity.from_int(2048, "BinarySI")) == "2Ki"
