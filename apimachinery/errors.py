"""Every refusal the API can give, in Kubernetes' own reasons and codes.

    ApiError
    └── one class only: code, reason, message and details say which

An `ApiError` maps to an HTTP `Status` body and to gRPC code plus `Status` message; `wire.errors` and the HTTP front
door do that mapping, nobody else. Reasons and codes: Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

import json
from typing import Any, Final

JSON = dict[str, Any]

CODES: Final[dict[str, int]] = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "Gone": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServerTimeout": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}


class ApiError(Exception):
    """A request refused, with all that a `metav1.Status` says about it."""

    def __init__(self, reason: str, message: str, *, details: JSON | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.code = code if code is not None else CODES.get(reason, 500)

    def __repr__(self) -> str:
        return f"ApiError({self.code} {self.reason}: {self.message})"

    def to_status(self) -> JSON:
        """The `metav1.Status` body, as clients parse it."""
        status: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            status["details"] = self.details
        status["code"] = self.code
        return status


def from_status(status: JSON) -> ApiError:
    """The inverse of `ApiError.to_status`."""
    return ApiError(
        status.get("reason", "InternalError"),
        status.get("message", ""),
        details=status.get("details"),
        code=status.get("code"),
    )


def qualified(group: str, resource: str) -> str:
    """`deployments.apps`, or `pods` for the core group: how messages name a resource."""
    return f"{resource}.{group}" if group else resource


def _details(group: str, resource: str, name: str) -> JSON:
    details: JSON = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = resource
    return details


def bad_request(message: str) -> ApiError:
    return ApiError("BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    return ApiError("Unauthorized", message)


def forbidden(group: str, resource: str, name: str, why: str) -> ApiError:
    """`why` ends the sentence `pods "web" is forbidden: ...`."""
    subject = f'{qualified(group, resource)} "{name}"' if name else qualified(group, resource)
    return ApiError("Forbidden", f"{subject} is forbidden: {why}", details=_details(group, resource, name))


def not_found(group: str, resource: str, name: str) -> ApiError:
    return ApiError(
        "NotFound", f'{qualified(group, resource)} "{name}" not found', details=_details(group, resource, name)
    )


def already_exists(group: str, resource: str, name: str) -> ApiError:
    return ApiError(
        "AlreadyExists",
        f'{qualified(group, resource)} "{name}" already exists',
        details=_details(group, resource, name),
    )


def conflict(group: str, resource: str, name: str, why: str = "") -> ApiError:
    why = why or ("the object has been modified; please apply your changes to the latest version and try again")
    return ApiError(
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}',
        details=_details(group, resource, name),
    )


def invalid(group: str, kind: str, name: str, causes: list[FieldError]) -> ApiError:
    """422: one cause per field. `kind` is the Kind here, as upstream has it, not the resource."""
    listed = [str(cause) for cause in causes]
    text = listed[0] if len(listed) == 1 else "[" + ", ".join(listed) + "]"
    details: JSON = {"name": name, "group": group, "kind": kind, "causes": [cause.to_cause() for cause in causes]}
    if not group:
        del details["group"]
    subject = f"{kind}.{group}" if group else kind
    return ApiError("Invalid", f'{subject} "{name}" is invalid: {text}', details=details)


def expired(message: str) -> ApiError:
    return ApiError("Expired", message)


def too_large(message: str) -> ApiError:
    return ApiError("RequestEntityTooLarge", message)


def unavailable(message: str) -> ApiError:
    return ApiError("ServiceUnavailable", message)


def internal(message: str) -> ApiError:
    return ApiError("InternalError", f"Internal error occurred: {message}")


class FieldError:
    """One field and what is wrong with it, worded as `field.Error` upstream words it.

    `kind` is one of the keys of `_WORDS`; `value` is shown for those that quote what was given.
    """

    _WORDS: Final[dict[str, tuple[str, str]]] = {
        "required": ("FieldValueRequired", "Required value"),
        "invalid": ("FieldValueInvalid", "Invalid value"),
        "not_supported": ("FieldValueNotSupported", "Unsupported value"),
        "duplicate": ("FieldValueDuplicate", "Duplicate value"),
        "forbidden": ("FieldValueForbidden", "Forbidden"),
        "not_found": ("FieldValueNotFound", "Not found"),
        "too_long": ("FieldValueTooLong", "Too long"),
        "too_many": ("FieldValueTooMany", "Too many"),
        "type_invalid": ("FieldValueTypeInvalid", "Invalid value"),
    }

    def __init__(self, kind: str, field: str, detail: str = "", value: Any = None) -> None:
        self.kind = kind
        self.field = field
        self.detail = detail
        self.value = value

    @property
    def message(self) -> str:
        """What follows `field: ` in the error text."""
        words = self._WORDS[self.kind][1]
        if self.kind in ("invalid", "not_supported", "duplicate", "not_found", "type_invalid"):
            words = f"{words}: {_shown(self.value)}"
        return f"{words}: {self.detail}" if self.detail else words

    def to_cause(self) -> JSON:
        return {"reason": self._WORDS[self.kind][0], "message": self.message, "field": self.field}

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldError) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"FieldError({self})"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '\\"') + '"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    return str(value)
