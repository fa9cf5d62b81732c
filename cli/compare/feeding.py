"""Putting one step into an arena: first what it takes, purely; then the requests, as administrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from apimachinery.errors import ApiError
from apimachinery.resources import GVR, split_api_version
from cli.compare.arena import Arena
from cli.compare.journal import Journal
from cli.compare.kinds import builtin_of
from cli.compare.model import JSON, Do, Key, Step
from cli.errors import UserError
from client.api import ApiClient

NAMESPACES: Final = GVR("", "v1", "namespaces")
ACCOUNTS: Final = GVR("", "v1", "serviceaccounts")
BORN_WITH: Final = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
OF_ANOTHER_LIFE: Final = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp",
     "deletionGracePeriodSeconds"}
)  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """An object as it is put in."""

    body: JSON
    status: JSON
    lost: tuple[str, ...] = ()
    """Owners that are not there: it is put in without them."""


def parts(step: Step, uids: Mapping[Key, str]) -> Parts:
    """`uids` are of what is there already: an owner is known by its name."""
    metadata = {name: value for name, value in step.tree["metadata"].items() if name not in OF_ANOTHER_LIFE}
    if step.namespace:
        metadata["namespace"] = step.namespace
    kept, lost = [], []
    for owner in metadata.pop("ownerReferences", None) or []:
        uid = _uid_of(owner, step.namespace, uids)
        if uid:
            kept.append({**owner, "uid": uid})
        else:
            lost.append(f"{owner.get('kind')} {owner.get('name')}")
    if kept:
        metadata["ownerReferences"] = kept
    body = {**step.tree, "metadata": metadata}
    status = body.pop("status", None) or {}
    if step.kind == "Node":  # its status is taken with it, as its kubelet would have it
        return Parts({**body, "status": status}, {}, tuple(lost))
    return Parts(body, status, tuple(lost))


def _uid_of(owner: JSON, namespace: str, uids: Mapping[Key, str]) -> str:
    try:
        found = builtin_of(owner)
    except (ValueError, KeyError):
        return ""
    group, _ = split_api_version(str(owner["apiVersion"]))
    place = namespace if found.namespaced else ""
    return uids.get(Key(group, found.gvr.resource, place, str(owner.get("name"))), "")


def account_of(step: Step) -> tuple[str, str]:
    """The account that pods of this object run as, ("", "") if it has none: (namespace, name)."""
    if step.do is not Do.CREATE or not step.namespace:
        return "", ""
    spec = step.tree.get("spec") or {}
    for way in (("jobTemplate", "spec", "template", "spec"), ("template", "spec")):
        inner = spec
        for name in way:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            return step.namespace, str(inner.get("serviceAccountName") or "default")
    return step.namespace, str(spec.get("serviceAccountName") or "default") if step.kind == "Pod" else "default"


@dataclass
class Feeder:
    """Of one side. `notes` is what could not be put in as it stands."""

    arena: Arena
    journal: Journal
    uids: dict[Key, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _ready: set[tuple[str, str]] = field(default_factory=set)

    @property
    def _api(self) -> ApiClient:
        return self.arena.api

    async def prepare(self, steps: tuple[Step, ...]) -> None:
        """What a cluster has that is not whole without the component: namespaces, and accounts for pods to run as."""
        made = {step.name for step in steps if step.gvr == NAMESPACES}
        for namespace in sorted({step.namespace for step in steps} - made - BORN_WITH - {""}):
            await self._api.create_raw(NAMESPACES, _named("v1", "Namespace", namespace))
        for step in steps:
            if step.namespace not in made:
                await self._account(*account_of(step))

    async def put(self, step: Step) -> None:
        """Raises UserError if the apiserver refuses it."""
        try:
            match step.do:
                case Do.CREATE:
                    await self._create(step)
                case Do.PATCH:
                    await self._patch(step)
                case Do.DELETE:
                    await self.remove(step.gvr, step.key)
        except ApiError as error:
            if step.do is not Do.CREATE and error.reason == "NotFound":
                self.notes.append(f"{step.where}: there is no {step.shown} to {step.do.value}")
                return
            raise UserError(f"{step.where}: {step.do.value} of {step.shown} was refused: {error.message}") from None

    async def _create(self, step: Step) -> None:
        await self._account(*account_of(step))
        wanted = parts(step, self.uids)
        if wanted.lost:
            self.notes.append(f"{step.where}: {step.shown} is put in without its owner {', '.join(wanted.lost)}")
        made = await self._api.create_raw(step.gvr, wanted.body)
        self.uids[step.key] = made.uid
        if wanted.status:
            await self._patch_raw(step, {"status": wanted.status}, "status")
        if step.kind == "Node":  # admission taints a new node, until a controller that is not here finds it Ready
            await self._patch_raw(step, {"spec": {"taints": (wanted.body.get("spec") or {}).get("taints")}})

    async def _patch(self, step: Step) -> None:
        rest = {name: value for name, value in step.tree.items() if name != "status"}
        if rest:
            await self._patch_raw(step, rest)
        if "status" in step.tree:
            await self._patch_raw(step, {"status": step.tree["status"]}, "status")

    async def _patch_raw(self, step: Step, patch: JSON, subresource: str = "") -> None:
        await self._api.patch_raw(step.gvr, step.name, patch, namespace=step.namespace, subresource=subresource)

    async def remove(self, gvr: GVR, key: Key) -> None:
        """At once: there is no kubelet to wait for."""
        self.journal.deleting.add(key)
        self.uids.pop(key, None)
        try:
            await self._api.delete_raw(gvr, key.name, namespace=key.namespace, options={"gracePeriodSeconds": 0})
        except ApiError:
            self.journal.deleting.discard(key)
            raise

    async def _account(self, namespace: str, name: str) -> None:
        """Without a token: it would be mounted under a name drawn by lot."""
        if not namespace or (namespace, name) in self._ready:
            return
        plain = {"automountServiceAccountToken": False}
        account = {**_named("v1", "ServiceAccount", name, namespace), **plain}
        try:
            await self._api.create_raw(ACCOUNTS, account)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            await self._api.patch_raw(ACCOUNTS, name, plain, namespace=namespace)
        self._ready.add((namespace, name))


def _named(api_version: str, kind: str, name: str, namespace: str = "") -> JSON:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}}
