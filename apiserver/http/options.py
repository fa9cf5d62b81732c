"""Query parameters of the verbs: what ListOptions, CreateOptions, UpdateOptions and PatchOptions say."""

from __future__ import annotations

from typing import Final, NamedTuple

from apimachinery.errors import FieldError, invalid
from apiserver.http.bodies import integer
from apiserver.http.limits import MANAGER_NAME_CHARACTERS
from apiserver.http.message import HttpRequest
from apiserver.registry.request import FieldValidation, ListOptions, PatchType

_META: Final = "meta.k8s.io"
_VALIDATIONS: Final = {one.value: one for one in FieldValidation}


class WriteOptions(NamedTuple):
    dry_run: bool = False
    field_manager: str = ""
    field_validation: FieldValidation = FieldValidation.WARN
    force: bool = False


def list_options(request: HttpRequest, name: str = "") -> ListOptions:
    """`name`, where an old URL form names one object to watch, becomes a field selector. Raises ApiError 400."""
    if not request.raw_query and not name:
        return ListOptions()
    fields = request.param("fieldSelector")
    if name:
        fields = f"{fields},metadata.name={name}" if fields else f"metadata.name={name}"
    timeout = integer(request, "timeoutSeconds")
    return ListOptions(
        label_selector=request.param("labelSelector"),
        field_selector=fields,
        limit=integer(request, "limit"),
        continue_token=request.param("continue"),
        resource_version=request.param("resourceVersion"),
        resource_version_match=request.param("resourceVersionMatch"),
        allow_watch_bookmarks=request.flag("allowWatchBookmarks"),
        send_initial_events=request.flag("sendInitialEvents") if "sendInitialEvents" in request.query else None,
        timeout_seconds=float(timeout) if timeout > 0 else None,
    )


def write_options(request: HttpRequest, kind: str, patch_type: PatchType | None = None) -> WriteOptions:
    """`kind` is the options' kind, for messages: `CreateOptions` and so on. Raises ApiError 422."""
    manager = request.param("fieldManager")
    errors = [*_dry_run_errors(request.query.get("dryRun", [])), *_manager_errors(manager)]
    validation = request.param("fieldValidation") or FieldValidation.WARN.value
    if validation not in _VALIDATIONS:
        listed = 'supported values: "Ignore", "Strict", "Warn"'
        errors.append(FieldError("not_supported", "fieldValidation", listed, validation))
    force = request.flag("force")
    if patch_type is PatchType.APPLY and not manager:
        errors.append(FieldError("required", "fieldManager", "is required for apply patch"))
    if patch_type is not None and patch_type is not PatchType.APPLY and "force" in request.query:
        errors.append(FieldError("forbidden", "force", "may not be specified for non-apply patch"))
    if errors:
        raise invalid(_META, kind, "", errors)
    manager = manager or default_manager(request.header("user-agent"))
    return WriteOptions("dryRun" in request.query, manager, _VALIDATIONS[validation], force)


def _dry_run_errors(values: list[str]) -> list[FieldError]:
    wrong = [value for value in values if value != "All"]
    return [FieldError("not_supported", "dryRun", 'supported values: "All"', wrong[0])] if wrong else []


def _manager_errors(manager: str) -> list[FieldError]:
    errors = []
    if len(manager.encode()) > MANAGER_NAME_CHARACTERS:
        errors.append(FieldError("too_long", "fieldManager", f"may not be more than {MANAGER_NAME_CHARACTERS} bytes"))
    if not manager.isprintable():
        errors.append(FieldError("invalid", "fieldManager", "should only contain printable characters", manager))
    return errors


def default_manager(user_agent: str) -> str:
    """Who writes, if the client does not say: its program's name."""
    name = user_agent.partition("/")[0]
    return "".join(one for one in name if one.isprintable())[:MANAGER_NAME_CHARACTERS]
