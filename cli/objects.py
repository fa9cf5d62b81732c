"""Objects as people type them: `pod/web-1`, `deploy/web`, `svc/web`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.builtin import BUILTIN, Builtin
from apimachinery.resources import GVR, join_key
from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.short_names import SHORT_NAMES


def _words() -> dict[str, Builtin]:
    """Plural, singular and short; of two resources of one name (events) the first."""
    found: dict[str, Builtin] = {}
    for one in BUILTIN:
        for word in (one.gvr.resource, one.kind.lower()):
            found.setdefault(word, one)
    return found | {short: found[plural] for short, plural in SHORT_NAMES.items() if plural in found}


_BY_WORD: Final = _words()


@dataclass(frozen=True)
class Ref:
    """One object. `namespace` is "" for those that have none."""

    gvr: GVR
    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> str:
        return join_key(self.namespace, self.name)

    @property
    def shown(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def parse_ref(text: str, namespace: str) -> Ref:
    """`pod/web-1`, in `namespace`, or `pod/shop/web-1`. Raises UserError, naming the near kinds, if it names none."""
    word, *rest = text.split("/")
    if not all(rest) or len(rest) not in (1, 2):
        raise UserError(f"{text}: name an object as KIND/NAME, such as pod/web-1 or deployment/web")
    name = rest[-1]
    namespace = rest[0] if len(rest) == 2 else namespace
    found = _BY_WORD.get(word.lower())
    if found is None:
        raise UserError(f"no kind {word}{did_you_mean(word, _BY_WORD)}")
    return Ref(found.gvr, found.kind, namespace if found.namespaced else "", name)
