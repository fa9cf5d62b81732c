"""Objects against their schema: unknown fields, pruning, required fields and types.

For built-in kinds `decode_errors` comes first, so that `validate` finds only what is missing. For schemas without
definitions (custom resources) `validate` reports types as well.
"""

from __future__ import annotations

from typing import Any, Final

from apimachinery.errors import FieldError
from apiserver.schema import node
from apiserver.schema.decoding import decode_errors
from apiserver.schema.node import Schema

__all__ = ["decode_errors", "find_unknown", "prune", "validate"]

MAX_UNKNOWN_REPORTED: Final = 100
"""As upstream: beyond this many, more strict errors are not collected."""


# --- unknown fields --------------------------------------------------------------------------------------------------


def find_unknown(schema: Schema, obj: Any) -> list[str]:
    """Paths of fields the schema does not know: `spec.foo`, `spec.containers[0].bar`."""
    found: list[str] = []
    _find(schema, obj, "", found)
    return found[:MAX_UNKNOWN_REPORTED]


def _find(schema: Schema, value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, list):
        items = schema.items
        if items is not None and _structured(items):
            for index, item in enumerate(value):
                _find(items, item, f"{path}[{index}]", found)
    elif isinstance(value, dict) and not schema.special:
        fields, additional = schema.properties, schema.additional
        keeps = additional is not None or schema.preserves_unknown
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            field = fields.get(key) or additional
            if field is not None:
                _find(field, item, where, found)
            elif not keeps:
                found.append(where)


def _structured(schema: Schema) -> bool:
    return schema.type in ("object", "array") and not schema.special


def prune(schema: Schema, obj: Any) -> Any:
    """A copy without unknown fields and, in built-in types, without nulls: as Go decodes and writes the object.

    What a schema keeps whole (raw extensions, managed fields) is left as it is, and shared with `obj`.
    """
    if isinstance(obj, list):
        items = schema.items
        if items is None or not _structured(items):
            return list(obj)
        return [prune(items, item) for item in obj]
    if not isinstance(obj, dict) or schema.special:
        return obj
    fields, additional = schema.properties, schema.additional
    keeps, built_in = schema.preserves_unknown, bool(schema.target.name)
    result: dict[str, Any] = {}
    for key, value in obj.items():
        field = fields.get(key) or additional
        if value is None and built_in:
            continue
        if field is not None:
            result[key] = prune(field, value)
        elif keeps:
            result[key] = value
    return result


# --- required fields and types ---------------------------------------------------------------------------------------

_OPTIONAL_TYPES: Final = frozenset((node.TIME, node.MICRO_TIME))
"""Go writes an unset time as null even where the schema requires it."""

_ZERO_ACCEPTED: Final = frozenset(
    (
        ("ControllerRevision", "revision"),
        ("CSINodeSpec", "drivers"),
        ("SubjectRulesReviewStatus", "resourceRules"),
        ("SubjectRulesReviewStatus", "nonResourceRules"),
        ("EventSeries", "count"),
        ("StatefulSetSpec", "serviceName"),
        ("ContainerStatus", "restartCount"),
        ("HorizontalPodAutoscalerStatus", "currentReplicas"),
    )
)
"""(struct, field) that the schema requires while upstream takes the zero value for it."""

_SELF_CONTAINED: Final = frozenset(("metadata", "spec"))
"""Structs whose absence means an empty one; their own required fields then speak for themselves."""

_CHECKED_ELSEWHERE: Final = frozenset(("metadata", "status"))
"""At the top: metadata has its own validation, and a status is its writer's business."""

_EMPTY_ACCEPTED: Final = frozenset(
    (
        ("Condition", "message"),
        ("Condition", "reason"),
        ("GroupResource", "group"),
        ("HTTPHeader", "value"),
        ("NodeSystemInfo", "kubeProxyVersion"),
        ("Sysctl", "value"),
        ("TokenRequest", "audience"),
        ("TokenReviewSpec", "token"),
        ("TokenRequestStatus", "token"),
    )
)
"""(struct, field) where an empty text is a value like any other. Elsewhere it is what Go has for one not given."""


def validate(schema: Schema, obj: Any) -> list[FieldError]:
    """Missing required fields and wrong types, by path, apart from the top-level metadata and status."""
    errors: list[FieldError] = []
    _validate(schema, obj, "", errors)
    return errors


def _validate(schema: Schema, value: Any, path: str, errors: list[FieldError]) -> None:
    if value is None or schema.special == node.ANY:
        return
    problem = _type_problem(schema, value, path)
    if problem is not None:
        errors.append(problem)
    elif isinstance(value, list):
        items = schema.items
        if items is not None:
            for index, item in enumerate(value):
                _validate(items, item, f"{path}[{index}]", errors)
    elif isinstance(value, dict):
        _validate_object(schema, value, path, errors)


def _validate_object(schema: Schema, value: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    fields, additional = schema.properties, schema.additional
    built_in = bool(schema.target.name)
    for name in schema.required:
        given = value.get(name)
        if (given is None or given == "") if built_in else name not in value:
            _validate_missing(schema, name, f"{path}.{name}" if path else name, errors)
    for key, item in value.items():
        if not path and key in _CHECKED_ELSEWHERE and (built_in or key == "metadata"):
            continue
        field = fields.get(key)
        if item is None and not built_in:
            _validate_null(field or additional, f"{path}.{key}" if path else key, errors)
        elif field is not None:
            _validate(field, item, f"{path}.{key}" if path else key, errors)
        elif additional is not None:
            _validate(additional, item, f"{path}[{key}]", errors)


def _validate_null(schema: Schema | None, path: str, errors: list[FieldError]) -> None:
    """Null is a value like any other to a custom resource, and fits only where the schema says so."""
    if schema is None or schema.target.name or schema.special == node.ANY or schema.target.json.get("nullable"):
        return
    wanted = "integer,string" if schema.special == node.INT_OR_STRING else schema.type
    errors.append(FieldError("type_invalid", path, f'{path} in body must be of type {wanted}: "null"', "null"))


def _validate_missing(schema: Schema, name: str, path: str, errors: list[FieldError]) -> None:
    """A struct that is not there is an empty one to Go: what it lacks is reported rather than itself."""
    field = schema.properties.get(name)
    struct = schema.target.name.rpartition(".")[2]
    built_in = bool(struct)
    if field is None or not built_in:
        errors.append(FieldError("required", path))
        return
    if (
        (struct, name) in _ZERO_ACCEPTED | _EMPTY_ACCEPTED
        or field.special in _OPTIONAL_TYPES
        or field.type == "boolean"
    ):
        return
    inner: list[FieldError] = []
    if field.type == "object" and not field.special and field.additional is None:
        _validate_object(field, {}, path, inner)
    if inner:
        errors.extend(inner)
    elif name not in _SELF_CONTAINED:
        errors.append(FieldError("required", path))


_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _type_problem(schema: Schema, value: Any, path: str) -> FieldError | None:
    if schema.special == node.INT_OR_STRING:
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return None if fits else _wrong_type(path, "integer,string", value)
    if schema.special == node.QUANTITY or not schema.type:
        return None
    if isinstance(value, bool):
        fits = schema.type == "boolean"
    elif schema.type == "integer" and isinstance(value, float):
        fits = value.is_integer()
    else:
        fits = isinstance(value, _PYTHON_TYPES[schema.type])
    return None if fits else _wrong_type(path, schema.type, value)


def _wrong_type(path: str, wanted: str, value: Any) -> FieldError:
    found = next(name for name, types in _JSON_NAMES.items() if isinstance(value, types))
    return FieldError("type_invalid", path, f'{path} in body must be of type {wanted}: "{found}"', found)


_JSON_NAMES: Final[dict[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (float,),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
