"""Media types: in which form a client wants its answer, and in which form it sent its body. Pure.

Parameters must match exactly: `application/json;as=Table;v=v1;g=meta.k8s.io` is an answer of another kind than
`application/json`, not a variant of it. Where a client takes protobuf *or* JSON it gets JSON, which is ready to send.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from apimachinery.errors import ApiError
from apiserver.codec.protobuf import CONTENT_TYPE

PROTOBUF_TYPE: Final = CONTENT_TYPE
JSON_TYPE: Final = "application/json"
YAML_TYPE: Final = "application/yaml"

_SERVED: Final = (JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE)
_WILDCARDS: Final = frozenset({"*/*", "application/*"})
_TRANSFORMS: Final = {
    ("Table", "v1"),
    ("Table", "v1beta1"),
    ("PartialObjectMetadata", "v1"),
    ("PartialObjectMetadata", "v1beta1"),
    ("PartialObjectMetadataList", "v1"),
    ("PartialObjectMetadataList", "v1beta1"),
}


class Form(NamedTuple):
    """How to answer: the media type, and as what (empty: as the kind itself)."""

    media: str = JSON_TYPE
    kind: str = ""
    """`Table`, `PartialObjectMetadata` or `PartialObjectMetadataList`, of meta.k8s.io."""
    version: str = "v1"
    pretty: bool = False


class MediaType(NamedTuple):
    name: str
    params: dict[str, str]

    @property
    def quality(self) -> float:
        try:
            return float(self.params.get("q", "1"))
        except ValueError:
            return 0.0


def parse_media_type(text: str) -> MediaType:
    name, *params = text.split(";")
    pairs = (param.partition("=") for param in params)
    return MediaType(name.strip().lower(), {key.strip(): value.strip().strip('"') for key, _, value in pairs})


def parse_accept(accept: str) -> list[MediaType]:
    """What a client accepts, what it wants most first."""
    clauses = [parse_media_type(clause) for clause in accept.split(",") if clause.strip()]
    return sorted(clauses, key=lambda clause: -clause.quality)


@lru_cache(maxsize=1024)
def negotiate(accept: str, *, transforms: bool = True, protobuf: bool = True) -> Form:
    """The form of the answer. `transforms`: it may be asked for as a Table and the like; `protobuf`: the kind has that
    form. Raises ApiError 406."""
    forms = [form for clause in parse_accept(accept) if (form := _form(clause, transforms, protobuf)) is not None]
    if not forms:
        if accept.strip():
            raise not_acceptable(protobuf=protobuf)
        return Form()
    return min(forms, key=lambda form: form.media == PROTOBUF_TYPE)


def not_acceptable(*, protobuf: bool = True) -> ApiError:
    offered = ", ".join(_SERVED if protobuf else _SERVED[:2])
    return ApiError("NotAcceptable", f"only the following media types are accepted: {offered}")


def _form(clause: MediaType, transforms: bool, protobuf: bool) -> Form | None:
    media = JSON_TYPE if clause.name in _WILDCARDS else clause.name
    if media not in _SERVED or (media == PROTOBUF_TYPE and not protobuf) or clause.quality == 0:
        return None
    pretty = clause.params.get("pretty", "0") not in ("0", "false")
    wanted = clause.params.get("as", "")
    if not wanted:
        return Form(media, pretty=pretty)
    version = clause.params.get("v", "")
    known = clause.params.get("g") == "meta.k8s.io" and (wanted, version) in _TRANSFORMS
    return Form(media, wanted, version, pretty) if known and transforms else None


_BODY_TYPES: Final = {
    "": JSON_TYPE,
    JSON_TYPE: JSON_TYPE,
    YAML_TYPE: YAML_TYPE,
    "application/x-yaml": YAML_TYPE,
    "text/yaml": YAML_TYPE,
    PROTOBUF_TYPE: PROTOBUF_TYPE,
}


def body_type(content_type: str) -> str:
    """JSON, YAML or protobuf. None given means JSON. Raises ApiError 415."""
    found = _BODY_TYPES.get(content_type) or _BODY_TYPES.get(parse_media_type(content_type).name)
    if found is None:
        raise unsupported_media_type(_SERVED)
    return found


def unsupported_media_type(accepted: tuple[str, ...]) -> ApiError:
    listed = ", ".join(accepted)
    return ApiError(
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {listed}",
    )
