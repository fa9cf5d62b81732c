"""What people type and read: durations, rates, names."""

from __future__ import annotations

import pytest

from apimachinery.clock import ClockState
from cli.debugging.durations import parse_duration, show_duration
from cli.debugging.near import near
from cli.debugging.timeline import bend, disagreeing, now_on, parse_rate, warning_of
from cli.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("30", 30), ("30s", 30), ("1.5s", 1.5), ("5m", 300), ("1h30m", 5400), ("2d", 172800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5x", "m", "-5m", "5m5", "five"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UserError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.0000075, "7.5 us"), (0.0042, "4.2 ms"), (0.34, "340 ms"), (4.25, "4.25 s"),
        (59.99, "1m"), (60, "1m"),
        (83, "1m23s"), (3600, "1h"), (5400, "1h30m"), (90000, "1d1h"), (-5, "-5 s"),
    ],
)  # fmt: skip
def test_durations_shown(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@pytest.mark.parametrize(("text", "rate"), [("60", 60), ("60x", 60), ("0.5", 0.5), ("1/10", 0.1)])
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("text", "said"),
    [("0", "pause"), ("-1", "above 0"), ("6000", "at most 600"), ("fast", "no rate"), ("1/0", "no rate")],
)
def test_rates_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_rate(text)


def test_a_rate_that_hurries_leases_is_warned_of() -> None:
    assert warning_of(60) == ""
    assert "every 20 ms" in warning_of(100)


@pytest.mark.parametrize(("old", "new"), [(1, 0), (60, 0), (0, 1), (1, 60), (60, 1), (0, 0)])
def test_a_bent_line_never_goes_back_for_who_learns_of_it_a_little_later(old: float, new: float) -> None:
    line = ClockState(100.0, 5000.0, old)
    after = bend(line, 110.0, new)
    for late in (0.0, 0.005, 0.02):
        assert now_on(after, 110.0 + late) >= now_on(line, 110.0 + late) - 1e-9
    assert after.rate == new


def test_who_is_on_another_line_is_found() -> None:
    line = ClockState(100.0, 5000.0, 1.0)
    others = {"a": line, "b": ClockState(0.0, 4900.05, 1.0), "c": ClockState(100.0, 5000.0, 0.0)}
    assert disagreeing(line, others, 130.0) == {"c": -30.0}


EDGES = ["watch:pods", "apiwatch:pods", "watch:nodes", "reconcile:deployment", "schedule:cycle", "schedule:bind",
         "rpc:/orrery.api.v1.Api/Write", "serve:/orrery.api.v1.Api/Write"]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        ("watch:pod", "watch:pods"),
        ("reconcile:deploymnt", "reconcile:deployment"),
        ("schedule:bnd", "schedule:bind"),
        ("Write", "rpc:/orrery.api.v1.Api/Write"),
        ("rpc:Write", "rpc:/orrery.api.v1.Api/Write"),
        ("wacth:nodes", "watch:nodes"),
    ],
)
def test_the_near_names(wrong: str, first: str) -> None:
    assert near(wrong, EDGES)[0] == first


def test_nothing_is_near_nonsense() -> None:
    assert near("zzz", EDGES) == []
