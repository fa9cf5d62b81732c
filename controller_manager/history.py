"""Revisions of a DaemonSet's or StatefulSet's template, kept as ControllerRevisions for `kubectl rollout`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

import msgspec

from api.apps import ControllerRevision
from api.meta import T, controller_of, owner_reference
from apimachinery import selectors
from apimachinery.errors import ApiError
from controller_manager.context import Context
from controller_manager.ownership import claim
from controller_manager.pods import orphans
from controller_manager.template_hash import template_hash

JSON = dict[str, Any]

HASH_LABEL: Final = "controller-revision-hash"
_OWNER_INDEX: Final = "owner"


@dataclass(frozen=True)
class Revision:
    """One of the templates. `hash` is what its pods are labelled with."""

    name: str
    hash: str
    number: int
    template: JSON


def _by_owner(one: ControllerRevision) -> tuple[str, ...]:
    owner = controller_of(one.metadata)
    return (owner.uid if owner is not None else orphans(one.namespace),)


def revision_of(one: ControllerRevision) -> Revision:
    template = dict(msgspec.json.decode(one.data)["spec"]["template"])
    template.pop("$patch", None)
    return Revision(one.name, one.metadata.labels.get(HASH_LABEL, one.name), one.revision, template)


class History(Generic[T]):
    """The revisions of all owners of one kind."""

    def __init__(self, context: Context) -> None:
        self._api = context.api
        self._revisions = context.informers.get(ControllerRevision, indexes={_OWNER_INDEX: _by_owner})

    async def sync(
        self, owner: T, template: msgspec.Raw, selector: selectors.LabelSelector
    ) -> tuple[Revision, list[Revision]]:
        """The revision of the present template, made or renumbered if need be; and all others, oldest first."""
        wanted: JSON = msgspec.json.decode(template)
        candidates = self._revisions.by_index(_OWNER_INDEX, owner.uid)
        candidates += self._revisions.by_index(_OWNER_INDEX, orphans(owner.namespace))
        present = sorted(await claim(self._api, owner, selector, candidates), key=lambda one: one.revision)
        number = max((one.revision for one in present), default=0)
        same = next((one for one in present if revision_of(one).template == wanted), None)
        if same is None:
            same = await self._create(owner, wanted, number + 1)
        elif same.revision < number:
            same = await self._renumber(same, number + 1)
        others = [revision_of(one) for one in present if one.uid != same.uid]
        return revision_of(same), others

    async def _create(self, owner: T, template: JSON, number: int) -> ControllerRevision:
        """A name that is taken is ours, not yet seen by the cache, if it says the same; else another is tried."""
        for collisions in range(10):
            hash_ = template_hash(template, collisions)
            labels = {**(template.get("metadata") or {}).get("labels", {}), HASH_LABEL: hash_}
            metadata: JSON = {"name": f"{owner.name}-{hash_}", "namespace": owner.namespace, "labels": labels}
            metadata["ownerReferences"] = [owner_reference(owner)]
            data = {"spec": {"template": {**template, "$patch": "replace"}}}
            try:
                return await self._api.create(
                    ControllerRevision, {"metadata": metadata, "revision": number, "data": data}
                )
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
            found = await self._api.get(ControllerRevision, metadata["name"], owner.namespace)
            if revision_of(found).template == template:
                return found
        raise ApiError("Conflict", f"no free name for a revision of {owner.key}")

    async def _renumber(self, one: ControllerRevision, number: int) -> ControllerRevision:
        metadata = {"resourceVersion": one.metadata.resource_version}
        patch = {"metadata": metadata, "revision": number}
        return await self._api.patch(ControllerRevision, one.name, patch, namespace=one.namespace)

    async def truncate(self, owner: T, others: Sequence[Revision], used: Iterable[str], limit: int) -> None:
        """Delete the oldest that no pod uses, beyond `limit`."""
        in_use = set(used)
        unused = [one for one in others if one.hash not in in_use]
        for one in unused[: max(len(unused) - limit, 0)]:
            try:
                await self._api.delete(ControllerRevision, one.name, namespace=owner.namespace)
            except ApiError as error:
                if error.code != 404:
                    raise
