"""How values are written in table cells."""

from __future__ import annotations

import pytest

from apiserver.registry.tables.cells import first_few, human_duration, labels, selector

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (2 * MINUTE, "2m"),
        (3 * MINUTE + 20, "3m20s"),
        (10 * MINUTE + 5, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (4 * HOUR + 5 * MINUTE, "4h5m"),
        (8 * HOUR + 5 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (5 * DAY + 3 * HOUR, "5d3h"),
        (8 * DAY + 3 * HOUR, "8d"),
        (700 * DAY, "700d"),
        (2 * YEAR, "2y"),
        (3 * YEAR + 10 * DAY, "3y10d"),
        (9 * YEAR + 10 * DAY, "9y"),
    ],
)
def test_durations_keep_about_two_digits(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_labels_are_sorted() -> None:
    assert labels({"b": "2", "a": "1"}) == "a=1,b=2"
    assert labels(None) == "<none>"


def test_selectors_are_shown_in_query_form() -> None:
    assert selector({"matchLabels": {"app": "web"}}) == "app=web"
    expressions = [{"key": "tier", "operator": "In", "values": ["b", "a"]}]
    assert selector({"matchExpressions": expressions}) == "tier in (a,b)"
    assert selector({}) == "<none>"


def test_long_lists_say_how_many_are_left_out() -> None:
    assert first_few(["a", "b"], 3) == "a,b"
    assert first_few(["a", "b", "c", "d", "e"], 3) == "a,b,c + 2 more..."
    assert first_few([], 3, empty="<none>") == "<none>"
