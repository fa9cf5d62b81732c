"""The short name of a pod template, as it stands in labels and in the names of ReplicaSets and revisions."""

from __future__ import annotations

import json
from typing import Any, Final

JSON = dict[str, Any]
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: JSON, collisions: int = 0) -> str:
    """`collisions` makes another name where that one was taken.

    k8s differs: upstream hashes Go's dump of the struct, which nothing else can reproduce.
    """
    text = json.dumps(template, sort_keys=True, separators=(",", ":")) + (str(collisions) if collisions else "")
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(value))
