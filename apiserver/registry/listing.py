"""List: which revision a request means, and chunks of it."""

from __future__ import annotations

from apimachinery.errors import expired
from apiserver.limits import LIST_LIMIT_MAX
from apiserver.registry.objects import ObjectStore
from apiserver.registry.options import EXACT, ExpiredToken, Token, check_list, decode_token, revision_of, too_large
from apiserver.registry.request import ListResult, Request, StoredObject
from apiserver.registry.resource import Resource
from apiserver.registry.selection import Selection, selection_of
from apiserver.storage.etcd import Compacted


async def list_objects(store: ObjectStore, resource: Resource, request: Request) -> ListResult:
    """One page. Raises ApiError."""
    options = request.query
    check_list(options)
    selection = selection_of(request, resource)
    limit = min(options.limit, LIST_LIMIT_MAX) if options.limit > 0 else 0
    if options.continue_token:
        return await _continue(store, selection, decode_token(options.continue_token), limit)
    wanted = revision_of(options.resource_version)
    # Without a match rule, a chunked list at a revision means exactly that one (API concepts, "Resource versions").
    if wanted and (options.resource_version_match == EXACT or (limit and not options.resource_version_match)):
        return await _exactly(store, selection, wanted, "", limit)
    if options.resource_version != "0":
        late = await _wait(store, wanted)
        if late:
            return await _scan(store, selection, "", limit, 0)
    elif not store.cacher.ready.is_set():
        await store.cacher.wait_for(0)
    return _from_cache(store, selection, "", limit, store.cacher.revision)


async def _wait(store: ObjectStore, wanted: int) -> bool:
    """Until the cache is as new as the request needs. True if it lags, so that etcd must be read."""
    try:
        if wanted:
            await store.cacher.wait_for(wanted)
        else:
            await store.cacher.catch_up()
    except TimeoutError:
        current = await store.etcd.revision()
        if wanted > current:
            raise too_large(wanted, current) from None
        return True
    return False


async def _continue(store: ObjectStore, selection: Selection, token: Token, limit: int) -> ListResult:
    if token.revision < 0:
        if await _wait(store, 0):
            return await _scan(store, selection, token.start, limit, 0)
        return _from_cache(store, selection, token.start, limit, store.cacher.revision)
    try:
        return await _exactly(store, selection, token.revision, token.start, limit)
    except Compacted:
        raise ExpiredToken(token) from None


async def _exactly(store: ObjectStore, selection: Selection, revision: int, start: str, limit: int) -> ListResult:
    """The state at `revision`: the cache's, if nothing of the resource changed since, else from etcd's history."""
    if revision > store.cacher.revision and await _wait(store, revision):
        return await _scan(store, selection, start, limit, revision)
    cache = store.cache(selection.resource)
    if cache.changed <= revision:
        return _from_cache(store, selection, start, limit, revision)
    try:
        return await _scan(store, selection, start, limit, revision)
    except Compacted:
        if start:
            raise
        raise expired("The resourceVersion for the provided list is too old.") from None


def _from_cache(store: ObjectStore, selection: Selection, start: str, limit: int, revision: int) -> ListResult:
    cache = store.cache(selection.resource)
    candidates = cache.range(selection.namespace, start)
    if not selection.selective:
        return _page_of_all(list(candidates), limit, revision)
    found: list[StoredObject] = []
    for obj in candidates:
        if selection.matches(obj):
            if limit and len(found) == limit:
                return ListResult(found, revision, _token(found[-1], revision))
            found.append(obj)
    return ListResult(found, revision)


def _page_of_all(objects: list[StoredObject], limit: int, revision: int) -> ListResult:
    if not limit or len(objects) <= limit:
        return ListResult(objects, revision)
    page = objects[:limit]
    return ListResult(page, revision, _token(page[-1], revision), len(objects) - limit)


async def _scan(store: ObjectStore, selection: Selection, start: str, limit: int, revision: int) -> ListResult:
    found = await store.scan(
        selection.resource, selection.namespace, selection.matches, start=start, limit=limit, revision=revision
    )
    token = _token(found.items[-1], found.revision) if found.more else ""
    return ListResult(found.items, found.revision, token)


def _token(last: StoredObject, revision: int) -> str:
    return Token(revision, last.key + "\x00").encode()
