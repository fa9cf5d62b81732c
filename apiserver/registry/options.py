"""The rules of list and watch parameters, and the continue token. Source: API concepts, "Resource versions"."""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

import orjson

from apimachinery.errors import JSON, ApiError, FieldError, bad_request, invalid
from apiserver.registry.request import ListOptions

NOT_OLDER_THAN: Final = "NotOlderThan"
EXACT: Final = "Exact"
_MATCH: Final = "resourceVersionMatch"

_EXPIRED_TOKEN: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)


class Token(NamedTuple):
    """Where a chunked list goes on: at which revision (-1: whatever is now), from which key."""

    revision: int
    start: str

    def encode(self) -> str:
        body = orjson.dumps({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.start})
        return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def decode_token(text: str) -> Token:
    """Raises ApiError 400."""
    try:
        body = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if body["v"] != "meta.k8s.io/v1":
            raise bad_request(
                f"continue key is not valid: server does not recognize this encoded version {body['v']!r}"
            )
        revision, start = int(body["rv"]), str(body["start"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request(f"continue key is not valid: {error}") from None
    if revision == 0 or not start:
        raise bad_request("continue key is not valid: incorrect encoded start resourceVersion")
    return Token(revision, start)


class ExpiredToken(ApiError):
    """410 with a token that goes on inconsistently, from what is there now."""

    def __init__(self, token: Token) -> None:
        super().__init__("Expired", _EXPIRED_TOKEN)
        self._again = token._replace(revision=-1).encode()

    def to_status(self) -> JSON:
        return super().to_status() | {"metadata": {"continue": self._again}}


def revision_of(text: str) -> int:
    """A resourceVersion as a number; "" is 0. Raises ApiError 422."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise invalid("", "ListOptions", "", [FieldError("invalid", "resourceVersion", "must be a number", text)])
    return int(text)


def check_list(options: ListOptions) -> None:
    """Raises ApiError 422 for parameters that contradict each other, 400 for a token beside a version."""
    errors = _check_match(options)
    if options.send_initial_events is not None:
        errors.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _refuse(errors)
    if options.continue_token and options.resource_version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")


def check_watch(options: ListOptions) -> None:
    """Raises ApiError 422."""
    errors: list[FieldError] = []
    if options.send_initial_events is None:
        if options.resource_version_match:
            errors.append(
                _forbidden(_MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
            )
    elif options.resource_version_match != NOT_OLDER_THAN:
        errors.append(_forbidden(_MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if options.send_initial_events is not None and options.continue_token:
        errors.append(_forbidden("continue", "sendInitialEvents is forbidden when continue is provided"))
    _refuse(errors)


def _check_match(options: ListOptions) -> list[FieldError]:
    match = options.resource_version_match
    if not match:
        return []
    errors = []
    if not options.resource_version:
        errors.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if options.continue_token:
        errors.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in (EXACT, NOT_OLDER_THAN):
        detail = f'supported values: "{EXACT}", "{NOT_OLDER_THAN}"'
        errors.append(FieldError("not_supported", _MATCH, detail, match))
    if match == EXACT and options.resource_version == "0":
        errors.append(_forbidden(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    return errors


def _forbidden(field: str, detail: str) -> FieldError:
    return FieldError("forbidden", field, detail)


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)


def too_large(wanted: int, current: int) -> ApiError:
    """504: the client knows a revision that this server has not seen."""
    message = f"Too large resource version: {wanted}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError("Timeout", message, details={"causes": [cause], "retryAfterSeconds": 1})
