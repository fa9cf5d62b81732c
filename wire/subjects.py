"""What a request is about, for the rules of gates and for whoever looks at held messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from wire.limits import DETAIL_CHARS
from wire.rules import Subject

NOTHING = Subject()


def subject_of(request: Any) -> Subject:
    """Of a protobuf request of the Api, of CRI or of the kubelet; all "" where it names nothing."""
    return _reader(request.DESCRIPTOR)(request)


@lru_cache(maxsize=256)
def _reader(descriptor: Any) -> Callable[[Any], Subject]:
    """How requests of one type say what they are about: found out once, for it lies on the way of every call."""
    names = descriptor.fields_by_name
    if "resource" in names and "name" in names and "body" in names:
        return _of_write
    if "resource" in names and "name" in names:
        return lambda request: Subject(request.resource.resource, request.namespace, request.name)
    if "resource" in names:
        return lambda request: Subject(request.resource.resource, request.namespace)
    if "sandbox_config" in names:
        return lambda request: _of_sandbox(request.sandbox_config)
    if "config" in names and _has(names["config"], "metadata"):
        return lambda request: _of_sandbox(request.config)
    if "pod" in names and _has(names["pod"], "namespace"):
        return lambda request: Subject("Pod", request.pod.namespace, request.pod.name)
    for field, kind in (("container_id", "Container"), ("pod_sandbox_id", "Pod")):
        if field in names:
            return partial(_of_id, field, kind)
    return lambda request: NOTHING


def _has(field: Any, name: str) -> bool:
    return field.message_type is not None and name in field.message_type.fields_by_name


def _of_id(field: str, kind: str, request: Any) -> Subject:
    return Subject(kind, "", getattr(request, field))


def _of_write(request: Any) -> Subject:
    return Subject(request.resource.resource, request.namespace, request.name or _name_in(request.body))


def _name_in(body: bytes) -> str:
    """What a CREATE is about stands in its body only."""
    import msgspec

    try:
        metadata = msgspec.json.decode(body or b"{}").get("metadata") or {}
    except (msgspec.DecodeError, AttributeError):
        return ""  # whoever decodes it in earnest refuses it
    return str(metadata.get("name") or metadata.get("generateName") or "")


def _of_sandbox(config: Any) -> Subject:
    return Subject("Pod", str(getattr(config.metadata, "namespace", "")), config.metadata.name)


def shown(request: Any) -> str:
    """A request on one line, not too long. A write reads `PATCH status {"status": ...}`."""
    if "verb" in request.DESCRIPTOR.fields_by_name:
        words = (request.Verb.Name(request.verb), request.subresource, request.body.decode(errors="replace"))
        return " ".join(word for word in words if word)[:DETAIL_CHARS]
    return " ".join(str(request).split())[:DETAIL_CHARS]
