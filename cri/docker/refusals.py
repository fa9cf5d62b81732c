"""What the engine answers with when it does not do what it was asked, in the project's one model of errors."""

from __future__ import annotations

from apimachinery.errors import ApiError

_REASONS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 503: "ServiceUnavailable"}


def silent(error: object) -> ApiError:
    """The engine cannot be reached."""
    return ApiError("ServiceUnavailable", f"docker engine does not answer: {error}")


def refusal(code: int, message: str) -> ApiError:
    """What the engine said no with."""
    return ApiError(_REASONS.get(code, "InternalError"), message)
