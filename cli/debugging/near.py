"""Help for who mistyped a name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MOST = 6  # names offered
ENOUGH = 0.65  # likeness of a name that is offered


def near(wrong: str, names: Iterable[str]) -> list[str]:
    """The names that may have been meant, the likeliest first."""
    ranked = sorted(((_likeness(wrong.lower(), name.lower()), name) for name in dict.fromkeys(names)), reverse=True)
    return [name for (likeness, _), name in ranked if likeness >= ENOUGH][:MOST]


def _likeness(wrong: str, name: str) -> tuple[float, float]:
    """From 0 to 1 or so: of the whole, or of what comes after the last colon or slash; more if one holds the other.

    The second figure, of the whole alone, decides where the first does not.
    """
    bare = wrong.strip("*")
    whole = difflib.SequenceMatcher(None, bare, name).ratio()
    last, end_of_name = (str(re.split("[:/]", one)[-1]) for one in (bare, name))
    end = difflib.SequenceMatcher(None, last, end_of_name).ratio() if last and end_of_name else 0.0
    return max(whole, 0.9 * end) + (0.2 if bare and bare in name else 0.0), whole


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """The end of a sentence that refuses `wrong`."""
    every = list(names)
    found = near(wrong, every)
    if found:
        return f"; near it are: {', '.join(found)}"
    return f"; there are: {', '.join(sorted(every))}" if len(every) <= 30 else ""
