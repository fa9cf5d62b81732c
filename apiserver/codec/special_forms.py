"""Messages whose JSON form is not an object of their fields: times, quantities, raw JSON, and the like."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

import orjson

from apimachinery import quantity
from apiserver.codec.wire_format import Malformed

JSON = dict[str, Any]

_META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1"
_CRDS: Final = ("v1", "v1beta1")
_CRD: Final = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

PROTOBUF_PREFIX: Final = b"k8s\x00"

ToJson = Callable[[JSON], Any]
"""From the message's own fields to its JSON form; None is null."""
FromJson = Callable[[Any], JSON]
"""From the JSON form to the message's own fields; an empty one is an empty message."""

# --- times -----------------------------------------------------------------------------------------------------------


def _time(message: JSON) -> str | None:
    if not message:
        return None
    return _moment(message).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(message: JSON) -> str | None:
    if not message:
        return None
    moment = _moment(message) + timedelta(microseconds=message.get("nanos", 0) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(message: JSON) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=message.get("seconds", 0))
    except OverflowError:
        raise Malformed("timestamp out of range") from None


def _from_time(value: Any) -> JSON:
    since = datetime.fromisoformat(value.replace("Z", "+00:00")) - _EPOCH
    return {"seconds": since // timedelta(seconds=1), "nanos": 0}


def _from_micro_time(value: Any) -> JSON:
    since = datetime.fromisoformat(value.replace("Z", "+00:00")) - _EPOCH
    return {"seconds": since // timedelta(seconds=1), "nanos": since.microseconds * 1000}


_DURATION_UNITS: Final = {
    "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1,
}  # fmt: skip


def format_duration(nanos: int) -> str:
    """As Go writes a duration: `1h0m0s`, `1.5s`, `300ms`."""
    if nanos == 0:
        return "0s"
    sign, left = ("-", -nanos) if nanos < 0 else ("", nanos)
    if left < 10**9:
        unit = "ms" if left >= 10**6 else "µs" if left >= 1000 else "ns"
        return f"{sign}{_decimal(left, _DURATION_UNITS[unit])}{unit}"
    minutes, left = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(left, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}." + str(rest).zfill(len(str(unit)) - 1).rstrip("0")


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration. Raises ValueError."""
    match = re.fullmatch(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|ns))+|0)", text)
    if not match:
        raise ValueError(f'time: invalid duration "{text}"')
    total = sum(
        int(Fraction(f"0{number}".removesuffix(".")) * _DURATION_UNITS[unit])
        for number, unit in re.findall(r"([\d.]+)(h|ms|m|s|us|µs|ns)", match[2])
    )
    return -total if match[1] == "-" else total


def _duration(message: JSON) -> str:
    return format_duration(message.get("duration", 0))


def _from_duration(value: Any) -> JSON:
    return {"duration": parse_duration(value)}


# --- values ----------------------------------------------------------------------------------------------------------


def _quantity(message: JSON) -> str:
    try:
        return quantity.canonical(message.get("string") or "0")
    except ValueError as error:
        raise Malformed(str(error)) from None


def _from_quantity(value: Any) -> JSON:
    return {"string": quantity.canonical(value)}


def _int_or_string(message: JSON) -> int | str:
    if message.get("type", 0) == 0:
        return int(message.get("intVal", 0))
    return str(message.get("strVal", ""))


def _from_int_or_string(value: Any) -> JSON:
    return (
        {"type": 1, "intVal": 0, "strVal": value}
        if isinstance(value, str)
        else {"type": 0, "intVal": value, "strVal": ""}
    )


def _raw(message: JSON) -> Any:
    raw: bytes = message.get("-", b"")
    if not raw:
        return None
    if raw.startswith(PROTOBUF_PREFIX):
        from apiserver.codec.protobuf import decode_tree  # a list's items are whole envelopes again

        return decode_tree(raw)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"raw extension: {error}") from None


def _from_raw(value: Any) -> JSON:
    return {"-": orjson.dumps(value)}


def _items(message: JSON) -> list[Any]:
    return list(message.get("items", []))


def _from_items(value: Any) -> JSON:
    return {"items": value}


# --- schemas of custom resources -------------------------------------------------------------------------------------


def _schema_or_array(message: JSON) -> Any:
    return message["schema"] if "schema" in message else message.get("jSONSchemas", [])


def _from_schema_or_array(value: Any) -> JSON:
    return {"jSONSchemas": value} if isinstance(value, list) else {"schema": value}


def _schema_or_bool(message: JSON) -> Any:
    return message["schema"] if "schema" in message else message.get("allows", False)


def _from_schema_or_bool(value: Any) -> JSON:
    return {"allows": value} if isinstance(value, bool) else {"allows": True, "schema": value}


def _schema_or_strings(message: JSON) -> Any:
    return message["schema"] if "schema" in message else message.get("property", [])


def _from_schema_or_strings(value: Any) -> JSON:
    return {"property": value} if isinstance(value, list) else {"schema": value}


SPECIAL: Final[dict[str, tuple[ToJson, FromJson]]] = {
    f"{_META}.Time": (_time, _from_time),
    f"{_META}.MicroTime": (_micro_time, _from_micro_time),
    f"{_META}.Duration": (_duration, _from_duration),
    f"{_META}.FieldsV1": (_raw, _from_raw),
    f"{_META}.Verbs": (_items, _from_items),
    "k8s.io.apimachinery.pkg.api.resource.Quantity": (_quantity, _from_quantity),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": (_int_or_string, _from_int_or_string),
    "k8s.io.apimachinery.pkg.runtime.RawExtension": (_raw, _from_raw),
    **{f"k8s.io.api.authentication.{v}.ExtraValue": (_items, _from_items) for v in ("v1", "v1alpha1", "v1beta1")},
    **{f"k8s.io.api.authorization.{v}.ExtraValue": (_items, _from_items) for v in ("v1", "v1beta1")},
    **{f"k8s.io.api.certificates.{v}.ExtraValue": (_items, _from_items) for v in ("v1", "v1beta1")},
    **{f"{_CRD}.{v}.JSON": (_raw, _from_raw) for v in _CRDS},
    **{f"{_CRD}.{v}.JSONSchemaPropsOrArray": (_schema_or_array, _from_schema_or_array) for v in _CRDS},
    **{f"{_CRD}.{v}.JSONSchemaPropsOrBool": (_schema_or_bool, _from_schema_or_bool) for v in _CRDS},
    **{f"{_CRD}.{v}.JSONSchemaPropsOrStringArray": (_schema_or_strings, _from_schema_or_strings) for v in _CRDS},
}
"""Which messages these are; all of their fields count as pointers, so that zero and absent stay apart."""
