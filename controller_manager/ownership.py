"""Who controls what: adoption and release of objects by selector, as upstream's ControllerRefManager does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic

import msgspec

from api.meta import KubeObject, LabelSelector, OwnerReference, T, controller_of, owner_reference
from apimachinery import selectors
from apimachinery.errors import ApiError
from client.api import ApiClient

JSON = dict[str, Any]


def compile_selector(selector: LabelSelector | None) -> selectors.LabelSelector:
    """None selects nothing; an empty selector everything."""
    if selector is None:
        return selectors.NOTHING
    return selectors.from_match(selector.match_labels, selector.match_expressions)


@dataclass(frozen=True)
class Claims(Generic[T]):
    """`owned` already belongs to the owner and stays; the other two need a write each."""

    owned: list[T]
    adopt: list[T]
    release: list[T]


def sort_out(owner: KubeObject, selector: selectors.LabelSelector, candidates: Iterable[T]) -> Claims[T]:
    """Pure: what `owner` keeps, takes and gives up of `candidates`, all of its namespace."""
    claims: Claims[T] = Claims([], [], [])
    leaving = owner.metadata.deletion_timestamp is not None
    for one in candidates:
        controller = controller_of(one.metadata)
        matches = selector.matches(one.metadata.labels)
        if controller is None:
            if matches and not leaving and one.metadata.deletion_timestamp is None:
                claims.adopt.append(one)
        elif controller.uid == owner.uid:
            if matches or leaving:
                claims.owned.append(one)
            else:
                claims.release.append(one)
    return claims


async def claim(
    api: ApiClient, owner: KubeObject, selector: selectors.LabelSelector, candidates: Iterable[T]
) -> list[T]:
    """What `owner` owns after adopting and releasing. Before the first adoption the owner is read anew: one that is
    deleted, or was re-created, must not adopt."""
    claims = sort_out(owner, selector, candidates)
    for one in claims.release:
        await _release(api, owner, one)
    if not claims.adopt:
        return claims.owned
    if not await _may_adopt(api, owner):
        return claims.owned
    adopted = [await _adopt(api, owner, one) for one in claims.adopt]
    return claims.owned + [one for one in adopted if one is not None]


async def _may_adopt(api: ApiClient, owner: KubeObject) -> bool:
    try:
        fresh = await api.get(type(owner), owner.name, owner.namespace)
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    return fresh.uid == owner.uid and fresh.metadata.deletion_timestamp is None


async def _adopt(api: ApiClient, owner: KubeObject, one: T) -> T | None:
    references = [*references_json(one.metadata.owner_references), owner_reference(owner)]
    return await _patch_references(api, one, references)


async def _release(api: ApiClient, owner: KubeObject, one: KubeObject) -> None:
    kept = [reference for reference in one.metadata.owner_references if reference.uid != owner.uid]
    await _patch_references(api, one, references_json(kept))


async def _patch_references(api: ApiClient, one: T, references: list[JSON]) -> T | None:
    """Guarded by uid and revision; None if the object is gone or is another by now."""
    metadata = {"uid": one.uid, "resourceVersion": one.metadata.resource_version, "ownerReferences": references or None}
    try:
        return await api.patch(type(one), one.name, {"metadata": metadata}, namespace=one.namespace)
    except ApiError as error:
        if error.code == 404:
            return None
        raise


def references_json(references: Iterable[OwnerReference]) -> list[JSON]:
    return [msgspec.to_builtins(reference) for reference in references]
