"""ConfigMaps and Secrets as the kubelet's pods use them.

What starts sees what is there now: always fetched. Volumes that are brought up to date share what was fetched within
the last minute, so that a thousand mounts of one object are one request.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from api.core import ConfigMap, Secret
from apimachinery.clock import Clock
from apimachinery.errors import ApiError
from client.api import ApiClient
from kubelet.limits import OBJECT_CACHE_ENTRIES, VOLUME_REFRESH_SECONDS

Data = Mapping[str, bytes]


class ObjectRef(NamedTuple):
    """`kind` is ConfigMap or Secret."""

    kind: str
    name: str


class ObjectSource(Protocol):
    async def data(self, namespace: str, ref: ObjectRef, *, fresh: bool = False) -> Data | None:
        """What the object holds, None if there is none. Raises ApiError if that cannot be known."""
        ...


class ApiObjects:
    """Straight from the apiserver, with a small cache."""

    def __init__(self, api: ApiClient, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._cache: OrderedDict[tuple[str, ObjectRef], tuple[float, Data]] = OrderedDict()

    async def data(self, namespace: str, ref: ObjectRef, *, fresh: bool = False) -> Data | None:
        key = (namespace, ref)
        known = self._cache.get(key)
        if known is not None and not fresh and self._clock.time() - known[0] < VOLUME_REFRESH_SECONDS:
            return known[1]
        try:
            data = await self._fetch(namespace, ref)
        except ApiError as error:
            if error.code != 404:
                raise
            self._cache.pop(key, None)
            return None
        self._cache[key] = (self._clock.time(), data)
        self._cache.move_to_end(key)
        if len(self._cache) > OBJECT_CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return data

    async def _fetch(self, namespace: str, ref: ObjectRef) -> Data:
        if ref.kind == "Secret":
            secret = await self._api.get(Secret, ref.name, namespace)
            return {key: base64.b64decode(value) for key, value in secret.data.items()}
        config = await self._api.get(ConfigMap, ref.name, namespace)
        plain = {key: value.encode() for key, value in config.data.items()}
        return plain | {key: base64.b64decode(value) for key, value in config.binary_data.items()}
