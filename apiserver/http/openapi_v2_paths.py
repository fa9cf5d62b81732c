"""OpenAPI v3 paths and custom schemas in the words of OpenAPI v2. Pure.

What every operation has in common, v2 keeps once per document under `parameters`; clients follow the references.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import orjson

from apiserver.schema.store import V2_PREFIX, V3_PREFIX

JSON = dict[str, Any]

_KEPT_OF_OPERATION: Final = ("tags", "description", "operationId")
_SHARED_PATH_PARAMETERS: Final = frozenset({"namespace"})
_NULLABLE: Final = "nullable"
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_NOT_IN_V2: Final = frozenset({"allOf", "anyOf", "oneOf", "not", _NULLABLE})
_TYPED: Final = frozenset({"type", "items", "properties", "required"})
_WITH_FIELDS: Final = frozenset({"items", "properties", "required"})


class SharedParameters:
    """The parameters that operations refer to, gathered while their paths are written."""

    def __init__(self) -> None:
        self.found: dict[str, JSON] = {}

    def refer(self, parameter: JSON) -> JSON:
        """A reference to the parameter, or itself where it is one resource's own."""
        if parameter["in"] != "query" and parameter["name"] not in _SHARED_PATH_PARAMETERS:
            return parameter
        name = f"{parameter['name']}-{_short_hash(parameter)}"
        self.found[name] = parameter
        return {"$ref": f"#/parameters/{name}"}


def _short_hash(value: JSON) -> str:
    digest = hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.b32encode(digest[:5]).decode().lower()


def path_item(item: JSON, shared: SharedParameters) -> JSON:
    """A v3 path item as v2 has it."""
    operations = {method: _operation(one, shared) for method, one in item.items() if method != "parameters"}
    return operations | {"parameters": [shared.refer(_parameter(one)) for one in item["parameters"]]}


def _operation(operation: JSON, shared: SharedParameters) -> JSON:
    body = operation.get("requestBody")
    parameters = [_body_parameter(body)] if body else []
    parameters += [shared.refer(_parameter(one)) for one in operation["parameters"]]
    answers = operation["responses"]
    return {
        **{key: operation[key] for key in _KEPT_OF_OPERATION},
        "consumes": list(body["content"]) if body else ["*/*"],
        "produces": next(list(one["content"]) for one in answers.values() if "content" in one),
        "schemes": ["https"],
        "parameters": parameters,
        "responses": {code: _response(one) for code, one in answers.items()},
        **{key: value for key, value in operation.items() if key.startswith("x-")},
    }


def _parameter(parameter: JSON) -> JSON:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}


def _body_parameter(body: JSON) -> JSON:
    schema = _schema_of(body["content"])
    return {"name": "body", "in": "body", "required": body.get("required", False), "schema": schema}


def _response(response: JSON) -> JSON:
    if "content" not in response:
        return response
    return {"description": response["description"], "schema": _schema_of(response["content"])}


def _schema_of(content: JSON) -> JSON:
    """v2 has one schema for all media types, and so had we in v3."""
    schema: JSON = next(iter(content.values()))["schema"]
    return {"$ref": V2_PREFIX + schema["$ref"].removeprefix(V3_PREFIX)} if "$ref" in schema else schema


def custom_definition(schema: JSON) -> JSON:
    """A custom resource's schema without what v2 cannot say.

    As upstream publishes it: alternatives are left out; what may be null or may hold unknown fields has no fields
    listed, because kubectl would refuse whatever is not in the list.
    """
    left_out = _NOT_IN_V2
    if schema.get(_NULLABLE):
        left_out |= _TYPED
    elif schema.get(_PRESERVE):
        left_out |= _WITH_FIELDS
    result = {key: _converted(key, value) for key, value in schema.items() if key not in left_out}
    if "required" in result:
        fields = schema.get("properties", {})
        result["required"] = [name for name in result["required"] if not fields.get(name, {}).get(_NULLABLE)]
    return result


def _converted(key: str, value: Any) -> Any:
    if key == "properties":
        return {name: custom_definition(field) for name, field in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return custom_definition(value)
    return V2_PREFIX + value if key == "$ref" else value
