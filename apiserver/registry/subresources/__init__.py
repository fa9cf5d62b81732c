"""Subresources that are more than a part of their object: one file each, one table.

A handler gets a `Call` and answers with a tree of the subresource's own kind. What a handler does to objects goes
through the generic registry, admission included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apiserver.registry.subresources.binding import Binding
from apiserver.registry.subresources.call import SubresourceHandler
from apiserver.registry.subresources.eviction import Eviction
from apiserver.registry.subresources.scale import Scale
from apiserver.registry.subresources.token import Token, TokenIssuer

SCALED: Final = (
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("", "replicationcontrollers"),
)


def build_handlers(issuer: TokenIssuer) -> Mapping[tuple[str, str, str], SubresourceHandler]:
    """By (group, resource, subresource)."""
    handlers: dict[tuple[str, str, str], SubresourceHandler] = {
        ("", "pods", "binding"): Binding(),
        ("", "bindings", ""): Binding(),
        ("", "pods", "eviction"): Eviction(),
        ("", "serviceaccounts", "token"): Token(issuer),
    }
    handlers.update({(group, resource, "scale"): Scale() for group, resource in SCALED})
    return handlers
