"""The CRI's methods, found by name, and their fields. Pure: it all comes from the contract, `proto/cri.proto`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.status import table
from proto import cri_pb2

FIELD_DEPTH: Final = 3  # of messages in messages, as far as a request's fields are shown
_SCALARS: Final = {
    FieldDescriptor.TYPE_BOOL: False,
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BYTES: "",
}


def methods() -> dict[str, MethodDescriptor]:
    """By name, in the contract's order. No two services have one of the same name."""
    services = cri_pb2.DESCRIPTOR.services_by_name.values()
    return {method.name: method for service in services for method in service.methods}


def find_method(text: str) -> MethodDescriptor:
    """By its name, whatever the case, or by as much of its beginning as only one has. Raises UserError."""
    every = methods()
    same = [one for name, one in every.items() if name.lower() == text.lower()]
    begin = [one for name, one in every.items() if name.lower().startswith(text.lower())]
    found = same or begin
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{text} may be {', '.join(one.name for one in found)}; say which")
    raise UserError(f"the CRI has no method {text}{did_you_mean(text, every)}; orrery cri NODE lists them all")


def method_table() -> str:
    rows = [["METHOD", "SERVICE", "TAKES"]]
    for name, one in methods().items():
        takes = ", ".join(field.name for field in one.input_type.fields) or "-"
        streams = " (a stream of answers)" if one.server_streaming else ""
        rows.append([name, one.containing_service.name, takes + streams])
    return table(rows)


def path_of(method: MethodDescriptor) -> str:
    """As gRPC has it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def request_of(method: MethodDescriptor, tree: Any) -> Message:
    """Names as in the contract or in camelCase. Raises UserError for what does not fit, with the fields there are."""
    message = GetMessageClass(method.input_type)()
    if not isinstance(tree, dict):
        raise UserError(f"{method.name} takes a JSON object, not {tree!r}")
    try:
        json_format.ParseDict(tree, message)
    except json_format.ParseError as error:
        shown = ", ".join(field.name for field in method.input_type.fields) or "nothing"
        raise UserError(f"{' '.join(str(error).split())}\n{method.name} takes: {shown}") from None
    return message


def response_class(method: MethodDescriptor) -> type[Message]:
    found: type[Message] = GetMessageClass(method.output_type)
    return found


def to_tree(message: Message) -> dict[str, Any]:
    """What is set, and plain fields also if not, so that `exitCode: 0` is to be seen. Names in camelCase."""
    found: dict[str, Any] = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return found


def template(kind: Descriptor, depth: int = FIELD_DEPTH) -> dict[str, Any]:
    """Every field with nothing in it, to be filled in; what lies deeper than `depth` is left out."""
    return dict(_fields(kind, depth))


def _fields(kind: Descriptor, depth: int) -> Iterator[tuple[str, Any]]:
    for field in kind.fields:
        if not (field.name.startswith("windows") or field.GetOptions().deprecated):  # no such nodes here
            yield field.json_name, _empty(field, depth)


def _empty(field: FieldDescriptor, depth: int) -> Any:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return {}
    if field.is_repeated:
        return []
    if inner is not None:
        return template(inner, depth - 1) if depth else {}
    if field.enum_type is not None:
        return "|".join(field.enum_type.values_by_name) if len(field.enum_type.values) <= 6 else ""
    return _SCALARS.get(field.type, 0)
