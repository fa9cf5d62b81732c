"""Request bodies to JSON trees, and the checks that need the URL: kind, name and namespace.

Every refusal here is upstream's 400, word for word where clients are known to show or parse it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from apimachinery.errors import ApiError, bad_request
from apimachinery.resources import GVK, split_api_version
from apiserver.codec import protobuf
from apiserver.codec.strict_json import duplicate_fields
from apiserver.codec.yaml import decode_yaml
from apiserver.http.limits import JSON_PATCH_OPERATIONS
from apiserver.http.message import HttpRequest
from apiserver.http.negotiate import (
    PROTOBUF_TYPE,
    YAML_TYPE,
    body_type,
    parse_media_type,
    unsupported_media_type,
)
from apiserver.registry.request import PatchType
from apiserver.schema.resources import by_gvk

JSON = dict[str, Any]

_EVICTION: Final = ("policy", "Eviction")
_SCHEME: Final = "pkg/api/legacyscheme/scheme.go:30"
_PATCHES: Final = {patch.value: patch for patch in PatchType}


def decode_object(request: HttpRequest, expected: GVK) -> tuple[JSON, tuple[str, ...]]:
    """The object that a create or update carries, and what a strict decoder holds against it.

    A body may leave out apiVersion and kind: the URL says them. Raises ApiError 400, 413 or 415.
    """
    media, body = body_type(request.header("content-type")), request.body
    problems: list[str] = []
    if media == PROTOBUF_TYPE:
        _, tree = protobuf.decode(body, expected)
    elif media == YAML_TYPE:
        tree = decode_yaml(body, problems)
    else:
        tree = parse_json(body)
        problems += _duplicates(body, tree)
    tree = {
        "apiVersion": tree.pop("apiVersion", "") or expected.api_version,
        "kind": tree.pop("kind", "") or expected.kind,
        **tree,
    }
    _check_kind(tree, expected)
    if not isinstance(tree.get("metadata"), dict):
        if tree.get("metadata") is not None:
            raise bad_request(
                f'{expected.kind} in version "{expected.version}" cannot be handled as a {expected.kind}: json: cannot'
                f" unmarshal {_json_kind(tree['metadata'])} into Go struct field {expected.kind}.metadata of type"
                " v1.ObjectMeta"
            )
        tree["metadata"] = {}
    return tree, tuple(problems)


def parse_json(body: bytes) -> JSON:
    """Raises ApiError 400."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = "unexpected end of JSON input" if not body.strip() else str(error)
        raise bad_request(f"couldn't get version/kind; json parse error: {reason}") from None
    if not isinstance(tree, dict):
        raise bad_request(
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {_json_kind(tree)} into Go value of"
            ' type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string'
            ' "json:\\"kind,omitempty\\"" }'
        )
    return tree


def _json_kind(value: Any) -> str:
    names = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _duplicates(body: bytes, tree: JSON) -> list[str]:
    """Duplicate fields, looked for only where the text is longer than what it says."""
    if len(body.strip()) == len(orjson.dumps(tree)):
        return []
    return [f'duplicate field "{path}"' for path in duplicate_fields(body)]


def _check_kind(tree: JSON, expected: GVK) -> None:
    api_version, kind = tree["apiVersion"], tree["kind"]
    if api_version == expected.api_version and kind == expected.kind:
        return
    if not isinstance(api_version, str) or not isinstance(kind, str):
        raise bad_request("couldn't get version/kind; json parse error: apiVersion and kind must be strings")
    group, version = split_api_version(api_version)
    if (group, kind) == (expected.group, expected.kind) == _EVICTION:
        tree["apiVersion"] = expected.api_version
        return
    if api_version != expected.api_version:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version"
            f" ({expected.api_version})"
        )
    given = GVK(group, version, kind)
    if by_gvk(given) is None:
        why = f'no kind "{kind}" is registered for version "{api_version}" in scheme "{_SCHEME}"'
    else:
        why = f"converting ({version}.{kind}) to ({expected.group or 'core'}.{expected.kind}): unknown conversion"
    raise bad_request(f'{kind} in version "{version}" cannot be handled as a {expected.kind}: {why}')


def place_in_namespace(tree: JSON, namespace: str) -> None:
    """Give a new object the URL's namespace. Raises ApiError 400 if it names another."""
    metadata = tree["metadata"]
    given = metadata.get("namespace") or ""
    if given and given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)


def check_names(tree: JSON, name: str, namespace: str) -> None:
    """An updated object must be the one that the URL names. Raises ApiError 400."""
    metadata = tree["metadata"]
    given, given_namespace = metadata.get("name") or "", metadata.get("namespace") or ""
    if not given:
        raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if given != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
    if namespace and given_namespace and given_namespace != namespace:
        raise bad_request(
            f"the namespace of the object ({given_namespace}) does not match the namespace on the request ({namespace})"
        )
    if namespace:
        metadata["namespace"] = namespace


def check_applied(tree: JSON, expected: GVK, name: str, namespace: str) -> None:
    """An applied configuration is an object: it must say what it is, and be what the URL names. Raises ApiError 400."""
    for field in ("apiVersion", "kind"):
        if not tree.get(field):
            raise bad_request(f"invalid object type: Object '{field}' is missing")
    _check_kind(tree, expected)
    metadata = tree.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    if not metadata.get("name"):
        metadata["name"] = name
    check_names(tree, name, namespace)


def decode_patch(request: HttpRequest, *, strategic: bool) -> tuple[PatchType, Any, tuple[str, ...]]:
    """A patch of one of four types. `strategic`: the kind's types are known to the server, so that it can merge by key.

    Raises ApiError 400, 413 or 415.
    """
    media = parse_media_type(request.header("content-type")).name
    patch_type = _PATCHES.get(media)
    if patch_type is None or (patch_type is PatchType.STRATEGIC and not strategic):
        accepted = [one for one in _PATCHES if strategic or one != PatchType.STRATEGIC.value]
        raise unsupported_media_type(tuple(accepted))
    if patch_type is PatchType.APPLY:
        problems: list[str] = []
        return patch_type, decode_yaml(request.body, problems), tuple(problems)
    return patch_type, _decode_json_patch(request.body, patch_type), ()


def _decode_json_patch(body: bytes, patch_type: PatchType) -> Any:
    try:
        patch = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"error decoding patch: {error}") from None
    wanted = list if patch_type is PatchType.JSON else dict
    if not isinstance(patch, wanted):
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {_json_kind(patch)} into Go value of type"
            f" {'jsonpatch.Patch' if wanted is list else 'map[string]interface {}'}"
        )
    if isinstance(patch, list) and len(patch) > JSON_PATCH_OPERATIONS:
        raise ApiError(
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {JSON_PATCH_OPERATIONS}, got {len(patch)}",
        )
    return patch


def decode_delete_options(request: HttpRequest) -> JSON:
    """DeleteOptions from the body or, without one, from the query. Raises ApiError 400, 413 or 415."""
    if not request.body:
        return _options_of_query(request)
    media, body = body_type(request.header("content-type")), request.body
    if media == PROTOBUF_TYPE:
        _, tree = protobuf.decode(body, GVK("", "v1", "DeleteOptions"))
    else:
        tree = decode_yaml(body) if media == YAML_TYPE else parse_json(body)
    kind, api_version = tree.get("kind") or "DeleteOptions", tree.get("apiVersion") or "v1"
    if kind != "DeleteOptions":
        raise bad_request(
            f'{kind} in version "{api_version}" cannot be handled as a DeleteOptions: converting ({api_version}.{kind})'
            " to (v1.DeleteOptions): unknown conversion"
        )
    return tree


def _options_of_query(request: HttpRequest) -> JSON:
    options: JSON = {}
    if "gracePeriodSeconds" in request.query:
        options["gracePeriodSeconds"] = integer(request, "gracePeriodSeconds")
    if policy := request.param("propagationPolicy"):
        options["propagationPolicy"] = policy
    if "orphanDependents" in request.query:
        options["orphanDependents"] = request.flag("orphanDependents")
    if dry_run := request.query.get("dryRun"):
        options["dryRun"] = dry_run
    return options


def integer(request: HttpRequest, name: str) -> int:
    """A whole number of the query, 0 if it is not there. Raises ApiError 400."""
    text = request.param(name)
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
