"""PodSecurity: pods obey the Pod Security Standard that their namespace's labels name."""

from __future__ import annotations

from typing import Final

from apimachinery.errors import FieldError, invalid
from apiserver.handlers.admission import AdmissionRequest
from apiserver.handlers.admission.plugin import NAMESPACES, PODS, Plugin, is_about, refuse
from apiserver.handlers.admission.pod_security_checks import LEVELS, problems
from apiserver.registry.request import JSON

PREFIX: Final = "pod-security.kubernetes.io/"
MODES: Final = ("enforce", "audit", "warn")
_TEMPLATES: Final = {
    ("", "replicationcontrollers"): ("spec", "template", "spec"),
    ("", "podtemplates"): ("template", "spec"),
    ("apps", "daemonsets"): ("spec", "template", "spec"),
    ("apps", "deployments"): ("spec", "template", "spec"),
    ("apps", "replicasets"): ("spec", "template", "spec"),
    ("apps", "statefulsets"): ("spec", "template", "spec"),
    ("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template", "spec"),
    ("batch", "jobs"): ("spec", "template", "spec"),
}


class PodSecurity(Plugin):
    name = "PodSecurity"

    async def validate(self, request: AdmissionRequest) -> None:
        if request.obj is None or request.verb not in ("create", "update"):
            return
        if is_about(request, ("", "namespaces"), "create", "update"):
            _check_labels(request, request.obj)
        elif is_about(request, PODS, "create") or is_about(request, PODS, "update", subresource="ephemeralcontainers"):
            self._pod(request, request.obj.get("spec") or {})
        elif not request.subresource:
            path = _TEMPLATES.get((request.gvr.group, request.gvr.resource))
            if path:
                self._warn(request, _at(request.obj, path), _labels(request))

    def _pod(self, request: AdmissionRequest, spec: JSON) -> None:
        given = _labels(request)
        level, version = _policy(given, "enforce")
        found = problems(level, spec)
        if found:
            raise refuse(request, f'violates PodSecurity "{level}:{version}": {found}')
        self._warn(request, spec, given)

    def _warn(self, request: AdmissionRequest, spec: JSON, given: JSON) -> None:
        level, version = _policy(given, "warn")
        found = problems(level, spec)
        if found:
            request.warnings.append(f'would violate PodSecurity "{level}:{version}": {found}')


def _labels(request: AdmissionRequest) -> JSON:
    namespace = request.reader.get(NAMESPACES, "", request.namespace) or {"metadata": {}}
    return namespace["metadata"].get("labels") or {}


def _policy(given: JSON, mode: str) -> tuple[str, str]:
    level = given.get(f"{PREFIX}{mode}") or "privileged"
    # k8s differs: the standards of older versions are not kept; any version means the latest, and is shown as given.
    version = given.get(f"{PREFIX}{mode}-version") or "latest"
    return level if level in LEVELS else "restricted", version


def _at(obj: JSON, path: tuple[str, ...]) -> JSON:
    for key in path:
        obj = obj.get(key) or {}
    return obj


def _check_labels(request: AdmissionRequest, obj: JSON) -> None:
    given = obj["metadata"].get("labels") or {}
    old = ((request.old or {}).get("metadata") or {}).get("labels") or {}
    errors: list[FieldError] = []
    for mode in MODES:
        key = f"{PREFIX}{mode}"
        value = given.get(key)
        if value is not None and value != old.get(key) and value not in LEVELS:
            detail = f"must be one of {', '.join(LEVELS)}"
            errors.append(FieldError("invalid", f"metadata.labels[{key}]", detail, value))
    if errors:
        raise invalid("", "Namespace", obj["metadata"].get("name", ""), errors)
