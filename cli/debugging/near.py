"""Help for who mistyped a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 6  # names offered


def near(wrong: str, names: Iterable[str]) -> list[str]:
    """The names that may have been meant, the likeliest first."""
    every = list(dict.fromkeys(names))
    folded = {name.lower(): name for name in every}
    bare = wrong.lower().strip("*")
    holding = [name for name in every if bare and bare in name.lower()]
    alike = [folded[one] for one in difflib.get_close_matches(wrong.lower(), folded, MOST, 0.55)]
    last = {name.lower().rpartition("/")[2].rpartition(":")[2]: name for name in reversed(every)}
    by_end = [last[one] for one in difflib.get_close_matches(bare.rpartition(":")[2], last, MOST, 0.75)]
    return list(dict.fromkeys([*holding, *alike, *by_end]))[:MOST]


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """The end of a sentence that refuses `wrong`."""
    every = list(names)
    found = near(wrong, every)
    if found:
        return f"; near it are: {', '.join(found)}"
    return f"; there are: {', '.join(sorted(every))}" if len(every) <= 30 else ""
