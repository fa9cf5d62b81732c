"""Image references in the short form that Docker uses: `docker.io/library/nginx` is `nginx:latest`. Pure."""

from __future__ import annotations

import re

from apimachinery.errors import ApiError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9.-]+|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>[a-z0-9]+:[0-9a-fA-F]{{32,}}))?"
)
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def image_id(text: str) -> str:
    """`sha256:...` if `text` is an image's id, else ""."""
    match = _ID.fullmatch(text)
    return f"sha256:{match[1]}" if match else ""


def familiar(text: str) -> str:
    """The short form with its tag or digest. Raises ApiError on what is no reference."""
    name, tag, digest = split(text)
    if digest:
        return f"{name}@{digest}"
    return f"{name}:{tag}"


def split(text: str) -> tuple[str, str, str]:
    """Name, tag (`latest` if neither is given) and digest."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        why = "repository name must be lowercase" if _REFERENCE.fullmatch(text.lower()) else "invalid reference format"
        raise ApiError("BadRequest", f'failed to parse image reference "{text}": {why}')
    name = _shorten(match["name"])
    digest = match["digest"] or ""
    return name, match["tag"] or ("" if digest else "latest"), digest


def _shorten(name: str) -> str:
    for prefix in ("index.docker.io/", "docker.io/"):
        name = name.removeprefix(prefix)
    return name.removeprefix("library/") if name.count("/") == 1 else name
