"""Refusals of the apiserver that controllers expect."""

from __future__ import annotations

from apimachinery.errors import ApiError


def namespace_is_going(error: ApiError) -> bool:
    """A creation that no retry will cure and no one needs to hear of: its namespace is being deleted, or is gone."""
    causes = error.details.get("causes") or ()
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return True
    return error.code == 404 and error.details.get("kind") == "namespaces"
