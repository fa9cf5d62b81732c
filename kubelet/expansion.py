"""`$(NAME)` in commands, arguments and environment values. Pure. Rules: API documentation of `EnvVar.value`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(X)` becomes X's value; `$$` becomes `$`; what is not known stays as it is written."""
    if "$" not in text:
        return text

    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        return variables.get(found[2], found[0])

    return _REFERENCE.sub(replace, text)
