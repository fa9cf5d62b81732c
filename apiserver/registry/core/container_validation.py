"""What a container must be: names, ports, environment, mounts, probes, resources, security context.

`known` throughout is the set of the pod's volume names. Wording is upstream's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from apimachinery import names, quantity
from apimachinery.quantity import Quantity
from apiserver.registry.checks import (
    INT32_MAX,
    JSON,
    Errors,
    amount,
    duplicate,
    each,
    enum,
    forbidden,
    in_range,
    invalid,
    named,
    non_negative,
    not_found,
    not_supported,
    port_name,
    port_number,
    port_or_name,
    required,
)

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
FIELD_PATHS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_RESOURCE_FIELDS: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['[^']+'\]")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def validate_container(path: str, container: JSON, known: Collection[str]) -> Errors:
    """What holds for every container, whatever list it is in."""
    errors = named(f"{path}.name", container.get("name"), names.dns1123_label)
    errors += _image(path, container.get("image") or "")
    errors += enum(f"{path}.terminationMessagePolicy", container.get("terminationMessagePolicy"), MESSAGE_POLICIES)
    errors += _ports(f"{path}.ports", container.get("ports") or [])
    errors += each(f"{path}.env", container.get("env"), _env)
    errors += each(f"{path}.envFrom", container.get("envFrom"), _env_from)
    errors += _mounts(f"{path}.volumeMounts", container.get("volumeMounts") or [], known)
    errors += _devices(f"{path}.volumeDevices", container.get("volumeDevices") or [], known)
    errors += enum(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES)
    errors += validate_resources(f"{path}.resources", container.get("resources") or {})
    errors += each(f"{path}.resizePolicy", container.get("resizePolicy"), _resize_policy)
    errors += _security(f"{path}.securityContext", container.get("securityContext") or {})
    return errors


def validate_lifecycle_and_probes(path: str, container: JSON) -> Errors:
    """For containers that run beside others: ordinary ones and sidecars."""
    lifecycle = container.get("lifecycle") or {}
    errors: Errors = []
    for name in ("postStart", "preStop"):
        if lifecycle.get(name) is not None:
            errors += _handler(f"{path}.lifecycle.{name}", lifecycle[name], extra=("sleep",))
    for name in _PROBES:
        if container.get(name) is not None:
            errors += _probe(f"{path}.{name}", container[name], name)
    return errors


def validate_init_only(path: str, container: JSON) -> Errors:
    """An init container that must end has neither probes nor hooks."""
    names_set = [name for name in ("lifecycle", *_PROBES) if container.get(name) is not None]
    why = "may not be set for init containers without restartPolicy=Always"
    return [forbidden(f"{path}.{name}", why) for name in names_set]


def _image(path: str, image: str) -> Errors:
    if not image:
        return [required(f"{path}.image")]
    if image != image.strip():
        return [invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]
    return []


def _ports(path: str, ports: list[JSON]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = f"{path}[{index}]"
        name = port.get("name")
        if name:
            errors += [invalid(f"{at}.name", name, message) for message in port_name(name)]
            if name in seen:
                errors.append(duplicate(f"{at}.name", name))
            seen.add(name)
        number = port.get("containerPort")
        errors += port_number(f"{at}.containerPort", number) if number else [required(f"{at}.containerPort")]
        if port.get("hostPort"):
            errors += port_number(f"{at}.hostPort", port["hostPort"])
        errors += enum(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
    return errors


def _env(path: str, variable: JSON) -> Errors:
    errors = named(f"{path}.name", variable.get("name"), names.env_var_name)
    source = variable.get("valueFrom")
    return errors + (_env_source(f"{path}.valueFrom", variable, source) if source is not None else [])


def _env_source(path: str, variable: JSON, source: JSON) -> Errors:
    given = [name for name in _ENV_SOURCES if source.get(name) is not None]
    errors: Errors = []
    if not given:
        wanted = (
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        )
        errors.append(invalid(path, "", wanted))
    if len(given) > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    elif variable.get("value"):
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    for name in given:
        errors += _ENV_SOURCES[name](f"{path}.{name}", source[name])
    return errors


def field_ref(path: str, reference: JSON) -> Errors:
    """A `fieldRef` of an environment variable."""
    errors = [] if reference.get("apiVersion") else [required(f"{path}.apiVersion")]
    field = reference.get("fieldPath") or ""
    if not field:
        return [*errors, required(f"{path}.fieldPath")]
    if field in FIELD_PATHS or _SUBSCRIPT.fullmatch(field):
        return errors
    return [*errors, not_supported(f"{path}.fieldPath", field, FIELD_PATHS)]


def resource_field_ref(path: str, reference: JSON) -> Errors:
    resource = reference.get("resource") or ""
    if not resource:
        return [required(f"{path}.resource")]
    if resource in _RESOURCE_FIELDS or ".hugepages-" in resource:
        return []
    return [not_supported(f"{path}.resource", resource, _RESOURCE_FIELDS)]


def _key_ref(path: str, reference: JSON) -> Errors:
    errors = [] if reference.get("name") else [required(f"{path}.name")]
    return errors + named(f"{path}.key", reference.get("key"), names.config_key)


def _file_key_ref(path: str, reference: JSON) -> Errors:
    return [required(f"{path}.{name}") for name in ("key", "volumeName", "path") if not reference.get(name)]


_ENV_SOURCES: Final = {
    "fieldRef": field_ref,
    "resourceFieldRef": resource_field_ref,
    "configMapKeyRef": _key_ref,
    "secretKeyRef": _key_ref,
    "fileKeyRef": _file_key_ref,
}


def _env_from(path: str, source: JSON) -> Errors:
    errors = named(f"{path}.prefix", source.get("prefix"), names.env_var_name, needed=False)
    given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
    if not given:
        errors.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
    if len(given) > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    for name in given:
        errors += named(f"{path}.{name}.name", source[name].get("name"), names.dns1123_subdomain)
    return errors


def relative_path(path: str, value: str) -> Errors:
    """A path that stays below where it starts."""
    if value.startswith("/"):
        return [invalid(path, value, "must be a relative path")]
    return [invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def _mounts(path: str, mounts: list[JSON], known: Collection[str]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        at = f"{path}[{index}]"
        name, target = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(required(f"{at}.name"))
        elif name not in known:
            errors.append(not_found(f"{at}.name", name))
        if not target:
            errors.append(required(f"{at}.mountPath"))
        elif target in seen:
            errors.append(invalid(f"{at}.mountPath", target, "must be unique"))
        seen.add(target)
        errors += relative_path(f"{at}.subPath", mount.get("subPath") or "")
        errors += relative_path(f"{at}.subPathExpr", mount.get("subPathExpr") or "")
        if mount.get("subPath") and mount.get("subPathExpr"):
            errors.append(
                invalid(f"{at}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive")
            )
    return errors


def _devices(path: str, devices: list[JSON], known: Collection[str]) -> Errors:
    errors: Errors = []
    for index, device in enumerate(devices):
        name = device.get("name") or ""
        if not name:
            errors.append(required(f"{path}[{index}].name"))
        elif name not in known:
            errors.append(not_found(f"{path}[{index}].name", name))
        if not device.get("devicePath"):
            errors.append(required(f"{path}[{index}].devicePath"))
    return errors


def _probe(path: str, probe: JSON, kind: str) -> Errors:
    errors = _handler(path, probe)
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        errors += non_negative(f"{path}.{name}", probe.get(name))
    grace = probe.get("terminationGracePeriodSeconds")
    if kind == "readinessProbe":
        if grace is not None:
            errors.append(
                invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
            )
        return errors
    if grace is not None and grace <= 0:
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if probe.get("successThreshold") != 1:
        errors.append(invalid(f"{path}.successThreshold", probe.get("successThreshold"), "must be 1"))
    return errors


def _handler(path: str, handler: JSON, extra: tuple[str, ...] = ("grpc",)) -> Errors:
    given = [name for name in ("exec", "httpGet", "tcpSocket", *extra) if handler.get(name) is not None]
    if not given:
        return [required(path, "must specify a handler type")]
    errors = [forbidden(f"{path}.{name}", "may not specify more than 1 handler type") for name in given[1:]]
    return errors + _ACTIONS[given[0]](f"{path}.{given[0]}", handler[given[0]])


def _exec(path: str, action: JSON) -> Errors:
    return [] if action.get("command") else [required(f"{path}.command")]


def _http_get(path: str, action: JSON) -> Errors:
    errors = [] if action.get("path") else [required(f"{path}.path")]
    errors += port_or_name(f"{path}.port", action.get("port"))
    return errors + enum(f"{path}.scheme", action.get("scheme"), ("HTTP", "HTTPS"))


def _tcp_socket(path: str, action: JSON) -> Errors:
    return port_or_name(f"{path}.port", action.get("port"))


def _grpc(path: str, action: JSON) -> Errors:
    return port_number(f"{path}.port", action.get("port"))


def _sleep(path: str, action: JSON) -> Errors:
    return non_negative(f"{path}.seconds", action.get("seconds"))


_ACTIONS: Final = {"exec": _exec, "httpGet": _http_get, "tcpSocket": _tcp_socket, "grpc": _grpc, "sleep": _sleep}

_STANDARD_RESOURCES: Final = frozenset(("cpu", "memory", "ephemeral-storage"))


def overcommitable(resource: str) -> bool:
    """Kubernetes' own resources but huge pages may be promised more often than they exist."""
    return ("/" not in resource or resource.startswith("kubernetes.io/")) and not resource.startswith("hugepages-")


def resource_name(path: str, resource: str) -> Errors:
    errors = [invalid(path, resource, message) for message in names.qualified_name(resource)]
    known = "/" in resource or resource in _STANDARD_RESOURCES or resource.startswith("hugepages-")
    return errors if errors or known else [invalid(path, resource, "must be a standard resource for containers")]


def validate_resources(path: str, resources: JSON) -> Errors:
    """Requests and limits are quantities, and no request exceeds its limit."""
    limits, errors = _quantities(f"{path}.limits", resources.get("limits"))
    requests, more = _quantities(f"{path}.requests", resources.get("requests"))
    errors += more
    for name, value in requests.items():
        errors += _within_limit(path, name, value, limits.get(name))
    asked = {*limits, *requests}
    if any(name.startswith("hugepages-") for name in asked) and not asked & {"cpu", "memory"}:
        errors.append(forbidden(path, "HugePages require cpu or memory"))
    return errors


def _within_limit(path: str, name: str, request: Quantity, limit: Quantity | None) -> Errors:
    if limit is None:
        missing = [required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
        return [] if overcommitable(name) else missing
    if request.value != limit.value and not overcommitable(name):
        return [invalid(f"{path}.requests", str(request), f"must be equal to {name} limit of {limit}")]
    if request > limit:
        return [invalid(f"{path}.requests", str(request), f"must be less than or equal to {name} limit of {limit}")]
    return []


def _quantities(path: str, given: Mapping[str, Any] | None) -> tuple[dict[str, Quantity], Errors]:
    """Those that parse, and what is wrong with the others."""
    parsed: dict[str, Quantity] = {}
    errors: Errors = []
    for name, value in (given or {}).items():
        at = f"{path}[{name}]"
        errors += resource_name(at, name)
        wrong = amount(at, value)
        if not wrong:
            parsed[name] = quantity.parse(value)
            if "/" in name and parsed[name].value.denominator != 1:
                wrong = [invalid(at, str(value), "must be an integer")]
        errors += wrong
    return parsed, errors


def _resize_policy(path: str, policy: JSON) -> Errors:
    errors = enum(f"{path}.resourceName", policy.get("resourceName"), ("cpu", "memory"))
    return errors + enum(f"{path}.restartPolicy", policy.get("restartPolicy"), ("NotRequired", "RestartContainer"))


def user_or_group(path: str, value: Any) -> Errors:
    return [] if value is None else in_range(path, value, 0, INT32_MAX)


def _security(path: str, context: JSON) -> Errors:
    errors = user_or_group(f"{path}.runAsUser", context.get("runAsUser"))
    errors += user_or_group(f"{path}.runAsGroup", context.get("runAsGroup"))
    errors += seccomp_profile(f"{path}.seccompProfile", context.get("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        why = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            errors.append(invalid(path, context, f"{why}`privileged` to true"))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            errors.append(invalid(path, context, f"{why}`capabilities.Add` CAP_SYS_ADMIN"))
    return errors


def seccomp_profile(path: str, profile: JSON | None) -> Errors:
    if profile is None:
        return []
    kind = profile.get("type")
    errors = enum(f"{path}.type", kind, ("Localhost", "RuntimeDefault", "Unconfined"))
    if kind == "Localhost" and not profile.get("localhostProfile"):
        errors.append(required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
    if kind != "Localhost" and profile.get("localhostProfile"):
        why = "can only be set when seccomp type is Localhost"
        errors.append(invalid(f"{path}.localhostProfile", profile["localhostProfile"], why))
    return errors
