"""Which objects a list or watch is about: namespace, labels, fields."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from apimachinery import fields, selectors
from apimachinery.errors import bad_request
from apiserver.registry.request import Request, StoredObject
from apiserver.registry.resource import Resource
from apiserver.watch.resource_cache import TRIGGERS
from apiserver.watch.watcher import EVERYTHING, Scope

_NAME = "metadata.name"
_NAMESPACE = "metadata.namespace"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a request selects of one resource."""

    resource: Resource
    namespace: str
    labels: selectors.LabelSelector
    fields: fields.FieldSelector

    @property
    def selective(self) -> bool:
        """Whether it leaves out anything of its namespace."""
        return not self.labels.everything or bool(self.fields.requirements)

    def matches(self, obj: StoredObject) -> bool:
        if self.namespace and obj.namespace != self.namespace:
            return False
        if self.fields.requirements and not self.fields.matches(lambda path: self._field(obj, path)):
            return False
        return self.labels.everything or self.labels.matches(obj.labels)

    def scope(self) -> Scope:
        """The smallest bucket of watchers that sees all of it."""
        name = self.fields.exact(_NAME)
        namespace = self.namespace or self.fields.exact(_NAMESPACE) or ""
        if name and (namespace or not self.resource.namespaced):
            return Scope("key", f"{namespace}/{name}" if namespace else name)
        trigger = TRIGGERS.get(self.resource.prefix)
        value = self.fields.exact(trigger[0]) if trigger else None
        if value is not None:
            return Scope("trigger", value)
        return Scope("namespace", namespace) if namespace else EVERYTHING

    def _field(self, obj: StoredObject, path: str) -> str:
        if path == _NAME:
            return obj.name
        if path == _NAMESPACE:
            return obj.namespace
        if obj.fields is None:
            obj.fields = _selectable(self.resource, obj)
        return obj.fields[path]


def _selectable(resource: Resource, obj: StoredObject) -> dict[str, str]:
    """All fields that may be asked for, taken out at once; the tree is not kept."""
    tree = orjson.loads(obj.raw)
    get = resource.strategy.field_get
    return {path: get(tree, path) for path in resource.strategy.selectable_fields}


def selection_of(request: Request, resource: Resource) -> Selection:
    """Raises ApiError 400 for selectors that cannot be read or name a field that is not selectable."""
    chosen = fields.parse_field_selector(request.query.field_selector)
    known = {_NAME, *resource.strategy.selectable_fields, *([_NAMESPACE] if resource.namespaced else [])}
    for requirement in chosen.requirements:
        if requirement.path not in known:
            raise bad_request(f"field label not supported: {requirement.path}")
    labels = selectors.parse_label_selector(request.query.label_selector)
    return Selection(resource, request.namespace, labels, chosen)
