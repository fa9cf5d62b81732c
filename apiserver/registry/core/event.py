"""Events, in both their groups: what happened, to be forgotten after an hour."""

from __future__ import annotations

from apiserver.registry.checks import JSON, Errors, invalid
from apiserver.registry.strategy import Strategy, text_at

TTL_SECONDS = 3600
"""How long an event is kept, as upstream's --event-ttl."""


class EventStrategy(Strategy):
    """Field paths of both groups are understood: `involvedObject` is `regarding` in events.k8s.io."""

    allow_create_on_update = True
    ttl_seconds = TTL_SECONDS
    selectable_fields = (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reason",
        "reportingComponent",
        "reportingController",
        "source",
        "type",
    )

    def validate(self, obj: JSON) -> Errors:
        about = obj.get("involvedObject") or obj.get("regarding") or {}
        namespace, own = about.get("namespace") or "", obj["metadata"].get("namespace") or ""
        # An event about something that has no namespace lives in `default`.
        allowed = ("", "default", "kube-system") if not namespace else (namespace,)
        if namespace and own not in allowed:
            return [invalid("involvedObject.namespace", namespace, "does not match event.namespace")]
        return []

    def field_get(self, obj: JSON, path: str) -> str:
        if path == "source":
            return text_at(obj, "source.component") or text_at(obj, "reportingComponent")
        if path.startswith("regarding."):
            return text_at(obj, path) or text_at(obj, path.replace("regarding", "involvedObject", 1))
        if path.startswith("involvedObject."):
            return text_at(obj, path) or text_at(obj, path.replace("involvedObject", "regarding", 1))
        if path in ("reportingComponent", "reportingController"):
            return text_at(obj, "reportingComponent") or text_at(obj, "reportingController")
        return text_at(obj, path)
