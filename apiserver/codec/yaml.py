"""YAML bodies, read as upstream's YAML-to-JSON does: YAML 1.1 booleans, dates stay text, keys become text.

PyYAML's own rules for plain scalars differ from those (`22:22` a number, `1e3` and `y` text), so they are not used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from apimachinery.errors import bad_request

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, ScalarNode

JSON = dict[str, Any]

MAX_NODES: Final = 1_000_000
"""Values a document may expand to; aliases can make few bytes mean very many."""

_TRUE: Final = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE: Final = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])

_BOOL: Final = re.compile(f"(?:{'|'.join(_TRUE | _FALSE)})$")
_NULL: Final = re.compile(r"(?:~|null|Null|NULL|)$")
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)

_TAG: Final = "tag:yaml.org,2002:"

_loader: Any = None


def decode_yaml(body: bytes, problems: list[str] | None = None) -> JSON:
    """The one object of a YAML (or JSON) body; the last of duplicate keys counts.

    `problems`, if given, takes an entry that lists the duplicate keys: strict field validation wants to know. Raises
    ApiError 400.
    """
    import yaml

    try:
        loader = _loader_class()(body)
        try:
            tree = loader.get_single_data()
        finally:
            loader.dispose()
        if b"*" in body:
            tree = _Unshared().copy(tree)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise bad_request(f"error converting YAML to JSON: yaml: {error}") from None
    if problems is not None and loader.duplicates:
        lines = [f'  line {line}: key "{key}" already set in map' for line, key in sorted(loader.duplicates)]
        problems.append("\n".join(["yaml: unmarshal errors:", *lines]))
    if not isinstance(tree, dict):
        raise bad_request("error converting YAML to JSON: the body is not a mapping")
    return tree


class _Unshared:
    """Copies a tree so that what aliases share comes apart, up to a bound."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def copy(self, tree: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError("document contains excessive aliasing")
        if isinstance(tree, dict):
            return {key: self.copy(value) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.copy(item) for item in tree]
        return tree


def _loader_class() -> Any:
    """Made when first needed: YAML is rarely sent, and its module slow to import."""
    global _loader
    if _loader is None:
        _loader = _make_loader()
    return _loader


def _make_loader() -> Any:
    import yaml

    class Loader(yaml.CSafeLoader):
        """Notes duplicate keys as (line, key)."""

        def __init__(self, stream: bytes) -> None:
            super().__init__(stream)
            self.duplicates: list[tuple[int, str]] = []

    Loader.yaml_implicit_resolvers = {
        None: [
            (f"{_TAG}merge", re.compile("<<$")),
            (f"{_TAG}null", _NULL),
            (f"{_TAG}bool", _BOOL),
            (f"{_TAG}int", _INT),
            (f"{_TAG}float", _FLOAT),
        ]
    }
    Loader.yaml_constructors = {
        f"{_TAG}null": lambda _loader, _node: None,
        f"{_TAG}bool": lambda _loader, node: node.value in _TRUE,
        f"{_TAG}int": lambda _loader, node: _integer(node.value),
        f"{_TAG}float": lambda _loader, node: _real(node.value),
        f"{_TAG}str": _string,
        f"{_TAG}timestamp": _string,
        f"{_TAG}seq": yaml.CSafeLoader.construct_yaml_seq,
        f"{_TAG}map": _mapping,
        None: yaml.CSafeLoader.construct_undefined,
    }
    return Loader


def _string(loader: Any, node: ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    if re.fullmatch(r"[-+]?0[0-7]+", digits):
        return int(digits, 8)
    return int(digits, 0)


def _real(text: str) -> int | float:
    if text[-1] in "fFnN":
        raise ValueError(f"json: unsupported value: {text}")
    value = float(text)
    # JSON, as Go writes it, has no fraction where there is none.
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _mapping(loader: Any, node: MappingNode) -> Any:
    result: JSON = {}
    yield result
    own = {id(key) for key, _ in node.value}
    loader.flatten_mapping(node)
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = _text(loader.construct_object(key_node, deep=True))
        if id(key_node) in own:
            if key in seen:
                loader.duplicates.append((key_node.start_mark.line + 1, key))
            seen.add(key)
        result[key] = loader.construct_object(value_node, deep=True)


def _text(key: Any) -> str:
    """A mapping's key as JSON has it."""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise ValueError(f"unsupported map key of type: {type(key).__name__}, key: {key}")
