"""A JSON tree as Go would write it after reading it into the kind's types.

Typed clients and servers agree on one form: no unknown fields, no zeros where a field is omitempty, zeros where it is
always written, canonical quantities and times. A JSON body has to be brought into it, or diffs and field ownership see
changes where nobody made any. The result equals `protobuf.decode(protobuf.encode(gvk, obj))`, without the bytes.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final

from apimachinery import quantity
from apimachinery.resources import GVK
from apiserver.codec import field_table
from apiserver.codec.field_table import META, Field
from apiserver.codec.special_forms import SPECIAL

JSON = dict[str, Any]
Convert = Callable[[Any], Any]
"""A value that is not null to its Go form; None means null, and is left out."""

_QUANTITY: Final = "k8s.io.apimachinery.pkg.api.resource.Quantity"
_TIMES: Final = {f"{META}.Time": 20, f"{META}.MicroTime": 27}
"""Length of the canonical text, which is what nearly all are already."""
_ZEROS: Final[dict[str, Any]] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0, "double": 0}


def go_form(gvk: GVK, obj: JSON) -> JSON:
    """`obj`, whose types fit (`decode_errors` has none), in Go's form. A kind without a table comes back as it is.

    The input stays as it is; raw parts (extensions, managed fields) are shared with the result.
    """
    message = field_table.message_name(gvk)
    if message is None:
        return obj
    head = {key: obj[key] for key in ("apiVersion", "kind") if obj.get(key)}
    return {**head, **_form(message).convert(obj)}


class _Form:
    """One kind of message. Compiled at its first use, since messages refer to one another."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._fields: dict[str, tuple[Convert | None, bool]] = {}
        self._always: dict[str, Callable[[], Any]] = {}
        self._compiled = False

    def convert(self, tree: JSON) -> JSON:
        self.compile()
        result: JSON = {}
        fields = self._fields
        for name, value in tree.items():
            known = fields.get(name)
            if known is None or value is None:
                continue
            convert, drops_zero = known
            found = value if convert is None else convert(value)
            if found is None or (drops_zero and not found):
                continue
            result[name] = found
        for name, zero in self._always.items():
            if name not in result:
                found = zero()
                if found is not None:
                    result[name] = found
        return result

    def compile(self) -> _Form:
        if self._compiled:
            return self
        self._compiled = True
        for field in field_table.fields(self._message):
            if field.inline:
                inner = _form(field.type).compile()
                self._fields.update(inner._fields)
                self._always.update(inner._always)
            else:
                self._add(field)
        return self

    def _add(self, field: Field) -> None:
        droppable = field.scalar or field.repeated or field.map
        drops_zero = field.omitempty and droppable and (field.repeated or field.map or not field.pointer)
        self._fields[field.name] = (_of_field(field), drops_zero)
        if field.always_written:
            self._always[field.name] = _zero(field)


_FORMS: Final[dict[str, _Form]] = {}


def _form(message: str) -> _Form:
    """At most one per message of the API, so some 1,500."""
    found = _FORMS.get(message)
    if found is None:
        found = _FORMS[message] = _Form(message)
    return found


def _zero(field: Field) -> Callable[[], Any]:
    if field.map:
        return dict
    if field.repeated:
        return list
    if field.scalar:
        return lambda: _ZEROS[field.type]
    return _zero_message(field.type)


def _zero_message(message: str) -> Callable[[], Any]:
    special = SPECIAL.get(message)
    return (lambda: special[0]({})) if special else (lambda: _form(message).convert({}))


def _of_field(field: Field) -> Convert | None:
    convert = _of_type(field.type)
    zero = (lambda: _ZEROS[field.type]) if field.scalar else _zero_message(field.type)
    if field.map:
        return lambda items: {key: _or_zero(convert, zero, item) for key, item in items.items()}
    if field.repeated:
        return lambda items: [_or_zero(convert, zero, item) for item in items]
    return convert


def _or_zero(convert: Convert | None, zero: Callable[[], Any], item: Any) -> Any:
    """A null within a list or map is a zero to Go."""
    if item is None:
        return zero()
    return item if convert is None else convert(item)


def _of_type(type_: str) -> Convert | None:
    if type_ == "bytes":
        return _bytes
    if type_ == "double":
        return _real
    if type_ in _ZEROS:
        return None
    if type_ == _QUANTITY:
        return quantity.canonical
    if type_ in _TIMES:
        return _time(type_)
    if type_.endswith((".JSONSchemaPropsOrArray", ".JSONSchemaPropsOrBool", ".JSONSchemaPropsOrStringArray")):
        return _schema_or(f"{type_.rpartition('.')[0]}.JSONSchemaProps")
    if type_ == f"{META}.Duration":
        to_json, from_json = SPECIAL[type_]
        return lambda value: to_json(from_json(value))
    return None if type_ in SPECIAL else _form(type_).convert


def _bytes(value: str) -> str:
    return b64encode(b64decode(value)).decode() if "\n" in value or "\r" in value else value


def _real(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


def _time(type_: str) -> Convert:
    length = _TIMES[type_]
    to_json, from_json = SPECIAL[type_]

    def convert(value: str) -> Any:
        return value if len(value) == length and value[-1] == "Z" else to_json(from_json(value))

    return convert


def _schema_or(schema: str) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return _form(schema).convert(value)
        if isinstance(value, list):
            return [convert(item) for item in value]
        return value

    return convert
