"""What a pod's spec must be, for pods and templates: containers as a whole, scheduling wishes, DNS, security."""

from __future__ import annotations

import ipaddress
from typing import Final

from apimachinery import names
from apiserver.registry import checks
from apiserver.registry.checks import (
    INT32_MAX,
    JSON,
    Errors,
    duplicate,
    each,
    enum,
    forbidden,
    in_range,
    invalid,
    labels,
    named,
    not_found,
    not_supported,
    required,
)
from apiserver.registry.core.affinity_validation import validate_affinity
from apiserver.registry.core.container_validation import (
    RESTART_POLICIES,
    seccomp_profile,
    user_or_group,
    validate_container,
    validate_init_only,
    validate_lifecycle_and_probes,
    validate_resources,
)
from apiserver.registry.core.pod_resources import is_sidecar
from apiserver.registry.core.volume_validation import validate_volumes

DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
TAINT_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
NAMESERVERS_MAX: Final = 3
SEARCHES_MAX: Final = 32


def validate_template(path: str, template: JSON | None) -> Errors:
    """A `PodTemplateSpec`."""
    template = template or {}
    metadata = template.get("metadata") or {}
    errors = labels(f"{path}.labels", metadata.get("labels"))
    errors += checks.annotations(f"{path}.annotations", metadata.get("annotations"))
    spec = template.get("spec") or {}
    errors += validate_pod_spec(f"{path}.spec", spec)
    if spec.get("ephemeralContainers"):
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    return errors


def validate_pod_spec(path: str, spec: JSON) -> Errors:
    known = {volume.get("name") for volume in spec.get("volumes") or ()}
    volumes = {name for name in known if name}
    errors = validate_volumes(f"{path}.volumes", spec.get("volumes"))
    errors += _containers(path, spec, volumes)
    errors += _init_containers(path, spec, volumes)
    errors += validate_ephemeral(path, spec, volumes)
    errors += _host_ports(path, spec)
    errors += enum(f"{path}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES)
    errors += _dns(path, spec)
    errors += labels(f"{path}.nodeSelector", spec.get("nodeSelector"))
    errors += _names(path, spec)
    errors += _security(f"{path}.securityContext", spec.get("securityContext") or {})
    errors += _namespaces(f"{path}.securityContext", spec)
    errors += validate_affinity(f"{path}.affinity", spec.get("affinity") or {})
    errors += each(f"{path}.tolerations", spec.get("tolerations"), validate_toleration)
    errors += _spread(f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints") or [])
    errors += each(f"{path}.hostAliases", spec.get("hostAliases"), _host_alias)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None:
        errors += in_range(f"{path}.activeDeadlineSeconds", deadline, 1, INT32_MAX)
    if spec.get("resources"):
        errors += validate_resources(f"{path}.resources", spec["resources"])
    return errors


def _containers(path: str, spec: JSON, volumes: set[str]) -> Errors:
    containers = spec.get("containers") or []
    if not containers:
        return [required(f"{path}.containers")]
    errors: Errors = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}.containers[{index}]"
        errors += validate_container(at, container, volumes)
        errors += validate_lifecycle_and_probes(at, container)
        errors += enum(f"{at}.restartPolicy", container.get("restartPolicy"), RESTART_POLICIES, needed=False)
        errors += _unique(at, container, seen)
    return errors


def _init_containers(path: str, spec: JSON, volumes: set[str]) -> Errors:
    errors: Errors = []
    seen = {container.get("name") or "" for container in spec.get("containers") or ()}
    for index, container in enumerate(spec.get("initContainers") or ()):
        at = f"{path}.initContainers[{index}]"
        errors += validate_container(at, container, volumes)
        sidecar = is_sidecar(container)
        errors += (validate_lifecycle_and_probes if sidecar else validate_init_only)(at, container)
        errors += enum(f"{at}.restartPolicy", container.get("restartPolicy"), RESTART_POLICIES, needed=False)
        errors += _unique(at, container, seen)
    return errors


def _unique(path: str, container: JSON, seen: set[str]) -> Errors:
    name = container.get("name") or ""
    if name and name in seen:
        return [duplicate(f"{path}.name", name)]
    seen.add(name)
    return []


_NOT_EPHEMERAL: Final = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy")


def validate_ephemeral(path: str, spec: JSON, volumes: set[str]) -> Errors:
    """Containers added to a running pod for debugging."""
    errors: Errors = []
    ordinary = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    seen = {container.get("name") or "" for container in ordinary}
    targets = set(seen)
    for index, container in enumerate(spec.get("ephemeralContainers") or ()):
        at = f"{path}.ephemeralContainers[{index}]"
        errors += validate_container(at, container, volumes)
        errors += _unique(at, container, seen)
        target = container.get("targetContainerName")
        if target and target not in targets:
            errors.append(not_found(f"{at}.targetContainerName", target))
        not_allowed = [key for key in _NOT_EPHEMERAL if container.get(key)]
        not_allowed += ["resources"] if container.get("resources") else []
        errors += [forbidden(f"{at}.{key}", "cannot be set for an Ephemeral Container") for key in not_allowed]
    return errors


def _host_ports(path: str, spec: JSON) -> Errors:
    """No two containers claim one port of the node; in the node's network a container's port is the node's."""
    errors: Errors = []
    taken: set[str] = set()
    for index, container in enumerate(spec.get("containers") or ()):
        for at, port in enumerate(container.get("ports") or ()):
            where = f"{path}.containers[{index}].ports[{at}]"
            host_port = port.get("hostPort")
            if spec.get("hostNetwork") and host_port and host_port != port.get("containerPort"):
                why = "must match `hostPort` when `hostNetwork` is true"
                errors.append(invalid(f"{where}.containerPort", port.get("containerPort"), why))
            if not host_port:
                continue
            claim = f"{port.get('protocol')}/{port.get('hostIP') or ''}/{host_port}"
            if claim in taken:
                errors.append(duplicate(f"{where}.hostPort", claim))
            taken.add(claim)
    return errors


def _dns(path: str, spec: JSON) -> Errors:
    policy, config = spec.get("dnsPolicy"), spec.get("dnsConfig")
    errors = enum(f"{path}.dnsPolicy", policy, DNS_POLICIES)
    servers = (config or {}).get("nameservers") or []
    if policy == "None" and config is None:
        errors.append(required(f"{path}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None"))
    elif policy == "None" and not servers:
        why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        errors.append(required(f"{path}.dnsConfig.nameservers", why))
    if len(servers) > NAMESERVERS_MAX:
        why = f"must not have more than {NAMESERVERS_MAX} nameservers"
        errors.append(invalid(f"{path}.dnsConfig.nameservers", servers, why))
    for index, server in enumerate(servers):
        errors += ip_address(f"{path}.dnsConfig.nameservers[{index}]", server)
    searches = (config or {}).get("searches") or []
    if len(searches) > SEARCHES_MAX:
        errors.append(
            invalid(f"{path}.dnsConfig.searches", searches, f"must not have more than {SEARCHES_MAX} search paths")
        )
    return errors


def ip_address(path: str, value: str) -> Errors:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return [invalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    return []


def _names(path: str, spec: JSON) -> Errors:
    """References by name and names the pod takes for itself."""
    errors: Errors = []
    for field, rule in _NAME_RULES.items():
        errors += named(f"{path}.{field}", spec.get(field), rule, needed=False)
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        errors += [] if secret.get("name") else [required(f"{path}.imagePullSecrets[{index}].name")]
    seen: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        at, name = f"{path}.schedulingGates[{index}]", gate.get("name") or ""
        errors += [invalid(at, name, message) for message in names.qualified_name(name)]
        if name in seen:
            errors.append(duplicate(at, name))
        seen.add(name)
    return errors


_NAME_RULES: Final[dict[str, names.NameRule]] = {
    "serviceAccountName": names.dns1123_subdomain,
    "nodeName": names.dns1123_subdomain,
    "hostname": names.dns1123_label,
    "subdomain": names.dns1123_label,
    "priorityClassName": names.dns1123_subdomain,
    "runtimeClassName": names.dns1123_subdomain,
    "schedulerName": names.qualified_name,
}


def _security(path: str, context: JSON) -> Errors:
    errors: Errors = []
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        errors += user_or_group(f"{path}.{field}", context.get(field))
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        errors += user_or_group(f"{path}.supplementalGroups[{index}]", group)
    errors += seccomp_profile(f"{path}.seccompProfile", context.get("seccompProfile"))
    change_policy = context.get("fsGroupChangePolicy")
    return errors + enum(f"{path}.fsGroupChangePolicy", change_policy, ("Always", "OnRootMismatch"), needed=False)


def _namespaces(path: str, spec: JSON) -> Errors:
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        return [invalid(f"{path}.shareProcessNamespace", True, why)]
    if spec.get("hostUsers") is False:
        on = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
        return [forbidden(f"{path}.{name}", "when `hostUsers` is false") for name in on]
    return []


def _host_alias(path: str, alias: JSON) -> Errors:
    errors = ip_address(f"{path}.ip", alias.get("ip") or "")
    for index, hostname in enumerate(alias.get("hostnames") or ()):
        errors += named(f"{path}.hostnames[{index}]", hostname, names.dns1123_subdomain)
    return errors


def validate_toleration(path: str, toleration: JSON) -> Errors:
    key, operator, effect = toleration.get("key"), toleration.get("operator"), toleration.get("effect")
    errors: Errors = []
    if key:
        errors += [invalid(f"{path}.key", key, message) for message in names.qualified_name(key)]
    elif operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        errors.append(invalid(f"{path}.operator", operator or "", why))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        errors.append(invalid(f"{path}.effect", effect or "", why))
    value = toleration.get("value") or ""
    if operator in (None, "", "Equal"):
        errors += [invalid(f"{path}.operator", value, "; ".join(wrong))] if (wrong := names.label_value(value)) else []
    elif operator == "Exists":
        if value:
            errors.append(invalid(f"{path}.operator", toleration, "value must be empty when `operator` is 'Exists'"))
    else:
        errors.append(not_supported(f"{path}.operator", operator, ("Equal", "Exists")))
    return errors + enum(f"{path}.effect", effect, TAINT_EFFECTS, needed=False)


def _spread(path: str, constraints: list[JSON]) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(constraints):
        at = f"{path}[{index}]"
        if (constraint.get("maxSkew") or 0) <= 0:
            errors.append(invalid(f"{at}.maxSkew", constraint.get("maxSkew"), "must be greater than zero"))
        key, action = constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
        errors += [] if key else [required(f"{at}.topologyKey", "can not be empty")]
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            errors.append(not_supported(f"{at}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway")))
        if (key, action) in seen:
            errors.append(duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        seen.add((key, action))
        domains = constraint.get("minDomains")
        if domains is not None and domains <= 0:
            errors.append(invalid(f"{at}.minDomains", domains, "must be greater than zero"))
    return errors
