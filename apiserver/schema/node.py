"""A schema node: one field, item or kind. References are followed when asked for, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

JSON = dict[str, Any]
Resolve = Callable[[str], "Schema"]
"""The node of a definition, by its name."""

INT_OR_STRING: Final = "int-or-string"
QUANTITY: Final = "quantity"
TIME: Final = "time"
MICRO_TIME: Final = "micro-time"
ANY: Final = "any"
BYTES: Final = "bytes"

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_CRD: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

_SPECIAL_DEFINITIONS: Final[dict[str, str]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
    f"{_META}Time": TIME,
    f"{_META}MicroTime": MICRO_TIME,
    f"{_META}FieldsV1": ANY,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": ANY,
    f"{_CRD}JSON": ANY,
    f"{_CRD}JSONSchemaPropsOrArray": ANY,
    f"{_CRD}JSONSchemaPropsOrBool": ANY,
    f"{_CRD}JSONSchemaPropsOrStringArray": ANY,
}
"""Types that read their own JSON, which the published schema only hints at."""


def _nowhere(name: str) -> Schema:
    raise LookupError(f"this schema has no definitions to find {name} in")


def _special(target: Schema) -> str:
    known = _SPECIAL_DEFINITIONS.get(target.name)
    if known:
        return known
    if target.json.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    if target.json.get("format") == "byte":
        return BYTES
    return "" if target.type else ANY


class Schema:
    """Implements `apimachinery.strategic_merge.PatchSchema`.

    `own` is the field's JSON; when it refers to a definition, `target` is that definition's node and everything about
    the value comes from there, while patch and list attributes stay the field's own.
    """

    __slots__ = ("_additional", "_items", "_properties", "_resolve", "_special", "_target", "_type", "json", "name")

    def __init__(self, json: JSON, resolve: Resolve = _nowhere, name: str = "") -> None:
        self.json = json
        self.name = name
        """The definition's name; empty for an inline schema."""
        self._resolve = resolve
        self._special: str | None = None
        self._type: str | None = None
        self._target: Schema | None = None
        self._properties: dict[str, Schema] | None = None
        self._items: Schema | None = None
        self._additional: Schema | None = None

    def __repr__(self) -> str:
        return f"Schema({self.target.name or self.type or 'any'})"

    @property
    def target(self) -> Schema:
        """The node that describes the value: itself, or the definition it refers to."""
        if self._target is None:
            reference = self.json.get("$ref")
            self._target = self._resolve(reference) if reference else self
        return self._target

    # --- the value ---

    @property
    def type(self) -> str:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`, or empty where anything goes."""
        if self._type is None:
            self._type = str(self.target.json.get("type", ""))
        return self._type

    @property
    def format(self) -> str:
        return str(self.target.json.get("format", ""))

    @property
    def special(self) -> str:
        """One of this module's constants for types with a JSON form of their own, else empty."""
        if self._special is None:
            self._special = _special(self.target)
        return self._special

    @property
    def preserves_unknown(self) -> bool:
        return bool(self.target.json.get("x-kubernetes-preserve-unknown-fields")) or self.special == ANY

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self.target.json.get("required", ()))

    @property
    def properties(self) -> dict[str, Schema]:
        """Fields of an object, by JSON name."""
        target = self.target
        if target._properties is None:
            fields = target.json.get("properties", {})
            target._properties = {name: Schema(field, target._resolve) for name, field in fields.items()}
        return target._properties

    @property
    def items(self) -> Schema | None:
        target = self.target
        if target._items is None and isinstance(target.json.get("items"), dict):
            target._items = Schema(target.json["items"], target._resolve)
        return target._items

    @property
    def additional(self) -> Schema | None:
        """The schema of a map's values; None where it is no map."""
        target = self.target
        if target._additional is None:
            values = target.json.get("additionalProperties")
            if values is True:
                values = {}
            if isinstance(values, dict):
                target._additional = Schema(values, target._resolve)
        return target._additional

    # --- the field ---

    @property
    def patch_strategy(self) -> str:
        return str(self.json.get("x-kubernetes-patch-strategy", ""))

    @property
    def merge_key(self) -> str:
        return str(self.json.get("x-kubernetes-patch-merge-key", ""))

    @property
    def list_type(self) -> str:
        """`atomic`, `set`, `map`, or empty (which means atomic)."""
        return str(self.json.get("x-kubernetes-list-type", ""))

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        return tuple(self.json.get("x-kubernetes-list-map-keys", ()))

    @property
    def map_type(self) -> str:
        """`granular` or `atomic`; the field's own word goes before its type's."""
        return str(self.json.get("x-kubernetes-map-type") or self.target.json.get("x-kubernetes-map-type", ""))

    # --- further down; last, since `property` hides the decorator from what follows ---

    def property(self, name: str, /) -> Schema | None:
        """The schema of a field, or of the values where this is a map."""
        return self.properties.get(name) or self.additional

    def at(self, *path: str) -> Schema | None:
        """The node some fields down, through lists: `at("spec", "containers", "image")`."""
        node: Schema | None = self
        for name in path:
            while node is not None and node.items is not None:
                node = node.items
            node = node.property(name) if node is not None else None
        return node
