"""What must not be shown of a body unless asked for: Secrets' data, tokens, containers' environment. Pure.

The rest of a body stays as it is, so that one sees which entries there are, and not what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wire.rules import fold_kind

MASK: Final = "***"
_SECRET_FIELDS: Final = frozenset({"data", "stringData"})
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"  # holds the data once more
_TOKEN_FIELDS: Final = frozenset({"token"})
_ENVIRONMENTS: Final = (b'"envs"', b'"Env"')  # of CRI and of Docker; the API calls it env
_CRI_FIELDS: Final = frozenset({"password", "auth", "identity_token", "registry_token"})


class Spoken(bytes):
    """What people and programs say to one another over a stream: secret, for it may hold a password."""


def masked(raw: bytes, kind: str, detail: str = "") -> bytes:
    """`raw` as it may be shown. `kind` is a kind or resource, "" for what is no object; `detail` names a subresource.

    A body that should be masked and is no JSON is masked whole.
    """
    folded = fold_kind(kind)
    if folded == "secret":
        return _mapped(raw, _mask_secret)
    if folded == "tokenreview" or "token" in detail.split():
        return _mapped(raw, lambda tree: _mask_fields(tree, _TOKEN_FIELDS))
    if folded in ("pod", "container", "") and any(name in raw for name in _ENVIRONMENTS):
        return _mapped(raw, _mask_cri)
    return _mapped(raw, _mask_cri) if b'"auth"' in raw and not folded else raw


def _mapped(raw: bytes, change: Any) -> bytes:
    if not raw:
        return raw
    try:
        return msgspec.json.encode(change(msgspec.json.decode(raw)))
    except msgspec.DecodeError:
        return b'"***"'


def _mask_secret(tree: Any) -> Any:
    """Of a Secret, a list of them, a merge patch or a JSON patch."""
    if isinstance(tree, list):
        return [_mask_secret(one) for one in tree]
    if not isinstance(tree, Mapping):
        return tree
    if "op" in tree and "path" in tree:
        return {name: MASK if name == "value" else value for name, value in tree.items()}
    return {name: _masked_field(name, value) for name, value in tree.items()}


def _masked_field(name: str, value: Any) -> Any:
    if name in _SECRET_FIELDS:
        return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK
    if name == _LAST_APPLIED:
        return MASK
    return _mask_secret(value) if isinstance(value, (Mapping, list)) else value


def _mask_fields(tree: Any, names: frozenset[str]) -> Any:
    if isinstance(tree, list):
        return [_mask_fields(one, names) for one in tree]
    if not isinstance(tree, Mapping):
        return tree
    return {
        name: MASK if name in names and isinstance(value, str) and value else _mask_fields(value, names)
        for name, value in tree.items()
    }


def _mask_cri(tree: Any) -> Any:
    """The environment of a container may come from Secrets; a registry's credentials always do."""
    if isinstance(tree, list):
        return [_mask_cri(one) for one in tree]
    if not isinstance(tree, Mapping):
        return tree
    return {name: _mask_cri_field(name, value) for name, value in tree.items()}


def _mask_cri_field(name: str, value: Any) -> Any:
    if name == "envs" and isinstance(value, list):
        return [{**one, "value": MASK} for one in value]
    if name == "Env" and isinstance(value, list):
        return [f"{str(one).partition('=')[0]}={MASK}" for one in value]
    return MASK if name in _CRI_FIELDS and isinstance(value, str) else _mask_cri(value)
