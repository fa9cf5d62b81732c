"""Between the versions of one resource. Most differ in nothing but apiVersion; those that do not have a converter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from apimachinery.resources import GVR
from apiserver.registry.convert_autoscaling import hpa_from_v1, hpa_to_v1
from apiserver.registry.convert_events import event_from_new, event_to_new
from apiserver.registry.request import JSON, StoredObject
from apiserver.registry.resource import Served


class Converter(NamedTuple):
    """Both ways between one version and the stored one. They give a new tree and leave theirs alone."""

    to_storage: Callable[[JSON], JSON]
    from_storage: Callable[[JSON], JSON]


CONVERTERS: Final[dict[GVR, Converter]] = {
    GVR("events.k8s.io", "v1", "events"): Converter(event_from_new, event_to_new),
    GVR("autoscaling", "v1", "horizontalpodautoscalers"): Converter(hpa_from_v1, hpa_to_v1),
}


def to_storage(served: Served, obj: JSON) -> JSON:
    """`obj` in the version stored. The tree given is not used any more."""
    storage = served.resource.storage
    if served.info.gvr != storage:
        converter = CONVERTERS.get(served.info.gvr)
        obj = converter.to_storage(obj) if converter else obj
        obj["apiVersion"], obj["kind"] = storage.api_version, served.resource.kind
    return obj


def from_storage(served: Served, obj: JSON) -> JSON:
    """`obj` in the version asked for; a new tree at the top level."""
    if served.info.gvr == served.resource.storage:
        return obj
    converter = CONVERTERS.get(served.info.gvr)
    converted = converter.from_storage(obj) if converter else dict(obj)
    converted["apiVersion"], converted["kind"] = served.info.gvr.api_version, served.info.kind
    return converted


def serve(served: Served, obj: StoredObject) -> StoredObject:
    """A stored object in the version asked for; itself, if that is how it is stored."""
    gvr, storage = served.info.gvr, served.resource.storage
    if gvr == storage:
        return obj
    if gvr in CONVERTERS:
        raw = orjson.dumps(from_storage(served, obj.copy()))
    else:
        old, new = f'{{"apiVersion":"{storage.api_version}"', f'{{"apiVersion":"{gvr.api_version}"'
        raw = obj.raw.replace(old.encode(), new.encode(), 1)
    return StoredObject(
        obj.key,
        obj.revision,
        raw,
        created_revision=obj.created_revision,
        traceparent=obj.traceparent,
        writer=obj.writer,
    )
