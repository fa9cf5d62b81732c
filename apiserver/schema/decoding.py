"""Why a JSON tree does not fit a built-in kind, in the words of the decoder upstream uses.

Built-in kinds are typed upstream, so a wrong type is no validation error but a 400 that quotes Go's JSON package.
"""

from __future__ import annotations

import binascii
import re
from datetime import datetime
from typing import Any, Final

from apimachinery import quantity
from apiserver.schema import node
from apiserver.schema.node import Schema

_INT_BITS: Final = {"int32": 31, "int64": 63}
_SCALARS: Final[dict[str, str]] = {"string": "string", "boolean": "bool", "number": "float64", "integer": "int64"}
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TIME_LAYOUTS: Final = {
    node.TIME: "2006-01-02T15:04:05Z07:00",
    node.MICRO_TIME: "2006-01-02T15:04:05.000000Z07:00",
}


class _Mismatch(Exception):
    """The first thing that does not fit; the message is the decoder's."""


def decode_errors(schema: Schema, obj: Any, kind: str, version: str) -> str | None:
    """The message of the 400 that upstream answers, or None where the tree fits.

    `version` is written as in the message: `v1`, not `apps/v1`. Null fits everywhere, as it does in Go. Of a custom
    resource only the metadata is typed upstream; the rest is a matter of validation.
    """
    try:
        if schema.target.name:
            _check(schema, obj, "", "")
        elif isinstance(obj, dict) and (metadata := schema.properties.get("metadata")) is not None:
            _check(metadata, obj.get("metadata"), kind, "metadata")
    except _Mismatch as mismatch:
        return f'{kind} in version "{version}" cannot be handled as a {kind}: {mismatch}'
    return None


def _check(schema: Schema, value: Any, struct: str, path: str) -> None:
    """`struct` names the Go struct that holds the field, `path` the way to it without list positions."""
    if value is None:
        return
    special = schema.special
    if special:
        if special != node.ANY:
            _check_special(special, value, schema, struct, path)
        return
    wanted = schema.type
    if wanted == "object":
        if not isinstance(value, dict):
            raise _unfit(value, schema, struct, path)
        _check_object(schema, value, struct, path)
    elif wanted == "array":
        if not isinstance(value, list):
            raise _unfit(value, schema, struct, path)
        items = schema.items
        if items is not None:
            for item in value:
                _check(items, item, struct, path)
    elif not _fits_scalar(wanted, schema, value):
        raise _unfit(value, schema, struct, path)


def _check_object(schema: Schema, value: dict[str, Any], struct: str, path: str) -> None:
    fields, additional = schema.properties, schema.additional
    inner = _struct_name(schema) or struct
    for key, item in value.items():
        field = fields.get(key)
        if field is not None:
            _check(field, item, inner, f"{path}.{key}" if path else key)
        elif additional is not None:
            _check(additional, item, struct, path)


def _fits_scalar(wanted: str, schema: Schema, value: Any) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and _fits_bits(value, schema.format)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits_bits(value: int, form: str) -> bool:
    limit = 1 << _INT_BITS.get(form, 63)
    return -limit <= value < limit


# --- types with a JSON form of their own -----------------------------------------------------------------------------


def _check_special(special: str, value: Any, schema: Schema, struct: str, path: str) -> None:
    if special == node.QUANTITY:
        _check_quantity(value)
    elif special == node.INT_OR_STRING:
        if isinstance(value, str) or (
            isinstance(value, int) and not isinstance(value, bool) and _fits_bits(value, "int32")
        ):
            return
        raise _Mismatch(f"json: cannot unmarshal {_go_value(value)} into Go value of type int32")
    elif special == node.BYTES:
        if not isinstance(value, str):
            raise _unfit(value, schema, struct, path)
        _check_base64(value)
    else:
        _check_time(special, value)


def _check_quantity(value: Any) -> None:
    try:
        quantity.parse(value)
    except ValueError as error:
        raise _Mismatch(str(error)) from None


def _check_time(special: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _Mismatch(f"json: cannot unmarshal {_go_value(value)} into Go value of type string")
    if _RFC3339.fullmatch(value):
        try:
            datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
        except ValueError:
            raise _Mismatch(f'parsing time "{value}": out of range') from None
        return
    layout = _TIME_LAYOUTS[special]
    raise _Mismatch(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')


def _check_base64(value: str) -> None:
    text = value.replace("\n", "").replace("\r", "")
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        raise _Mismatch(f"illegal base64 data at input byte {_base64_fault(text)}") from None


def _base64_fault(text: str) -> int:
    """Where Go's decoder stops: the first character that is none of the alphabet's, else the unfinished quantum."""
    alphabet = re.match(r"[A-Za-z0-9+/]*", text)
    end = alphabet.end() if alphabet else 0
    if end == len(text):
        return end - end % 4
    padding = text[end:]
    if not padding.startswith("=") or end % 4 in (0, 1):
        return end
    wanted = 4 - end % 4
    if padding[:wanted] == "=" * wanted:
        return end + wanted
    return len(text) if wanted == 2 and padding == "=" else end + 1


# --- Go's words ------------------------------------------------------------------------------------------------------


def _unfit(value: Any, schema: Schema, struct: str, path: str) -> _Mismatch:
    into = f"struct field {struct}.{path}" if path else "value"
    return _Mismatch(f"json: cannot unmarshal {_go_value(value, schema)} into Go {into} of type {go_type(schema)}")


def _go_value(value: Any, schema: Schema | None = None) -> str:
    """What Go calls a JSON value. A number is quoted only where its type is right and its size is not."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return f"number {value}" if schema is None or schema.type == "integer" else "number"
    return "array" if isinstance(value, list) else "object"


def go_type(schema: Schema) -> str:
    """The Go type a schema was generated from, as far as the schema tells."""
    if schema.special == node.BYTES:
        return "[]uint8"
    if schema.type == "array":
        return f"[]{go_type(schema.items)}" if schema.items else "[]interface {}"
    if schema.type == "object":
        if schema.target.name:
            return ".".join(schema.target.name.split(".")[-2:])
        return f"map[string]{go_type(schema.additional)}" if schema.additional else "map[string]interface {}"
    if schema.target.name and schema.special:
        return ".".join(schema.target.name.split(".")[-2:])
    if schema.type == "integer" and schema.format:
        return schema.format
    return _SCALARS.get(schema.type, "interface {}")


def _struct_name(schema: Schema) -> str:
    return schema.target.name.rpartition(".")[2]
