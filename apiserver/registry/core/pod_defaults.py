"""What an unset field of a pod means, for pods and for the pod templates of every workload.

Source of the numbers: API reference of PodSpec, Container, Probe and Volume, v1.36. A template gets fewer defaults than
a pod: requests stay as written, so that the template's hash does not depend on defaulting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apiserver.registry.core.canonical import canonicalize

JSON = dict[str, Any]

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
FILE_MODE = 0o644
TOKEN_SECONDS = 3600


def default_pod(pod: JSON) -> None:
    """All defaults of a Pod, in place."""
    default_running_spec(pod.setdefault("spec", {}))


def default_running_spec(spec: JSON) -> None:
    """The defaults of a pod's spec, which are more than a template's."""
    default_pod_spec(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    for _, container in every_container(spec):
        _default_requests(container)
        if spec.get("hostNetwork"):
            _default_host_ports(container)
    _default_pod_requests(spec)


def default_template(template: JSON | None) -> None:
    """The defaults of a `PodTemplateSpec`, in place."""
    if template is not None:
        default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: JSON) -> None:
    _unset(spec, "restartPolicy", "Always")
    _unset(spec, "dnsPolicy", "ClusterFirst")
    _unset(spec, "schedulerName", "default-scheduler")
    _unset(spec, "securityContext", {})
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30
    _mirror_service_account(spec)
    canonicalize(spec, "overhead")
    canonicalize(spec.get("resources"), "limits", "requests")
    for _, container in every_container(spec):
        default_container(container)
    for volume in spec.get("volumes") or ():
        default_volume(volume)


def every_container(spec: JSON) -> Iterator[tuple[str, JSON]]:
    """(list name, container) of init, ordinary and ephemeral containers, in that order."""
    for name in CONTAINER_LISTS:
        for container in spec.get(name) or ():
            yield name, container


def default_container(container: JSON) -> None:
    _unset(container, "imagePullPolicy", default_pull_policy(container.get("image") or ""))
    _unset(container, "terminationMessagePath", "/dev/termination-log")
    _unset(container, "terminationMessagePolicy", "File")
    container["resources"] = container.get("resources") or {}
    canonicalize(container["resources"], "limits", "requests")
    for port in container.get("ports") or ():
        _unset(port, "protocol", "TCP")
    for variable in container.get("env") or ():
        _default_env_source(variable.get("valueFrom") or {})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _default_probe(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        if isinstance(handler, dict):
            _default_http_get(handler)


def default_pull_policy(image: str) -> str:
    """`Always` where the tag may move: `latest`, or no tag and no digest."""
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2] or ("" if digest else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def _unset(holder: JSON, key: str, value: Any) -> None:
    """Fill in where the field is missing, null or empty text."""
    if holder.get(key) in (None, ""):
        holder[key] = value


def _mirror_service_account(spec: JSON) -> None:
    """`serviceAccount` is the deprecated twin of `serviceAccountName`; both are always shown."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _default_env_source(source: JSON) -> None:
    if source.get("fieldRef"):
        _unset(source["fieldRef"], "apiVersion", "v1")
    if source.get("resourceFieldRef"):
        _unset(source["resourceFieldRef"], "divisor", "0")


def _default_probe(probe: JSON) -> None:
    for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not probe.get(key):
            probe[key] = value
    _default_http_get(probe)
    if probe.get("grpc") is not None and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http_get(handler: JSON) -> None:
    action = handler.get("httpGet")
    if action is not None:
        _unset(action, "path", "/")
        _unset(action, "scheme", "HTTP")


def _default_requests(container: JSON) -> None:
    """A limit without a request is also the request."""
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if limits:
        requests = dict(resources.get("requests") or {})
        for name, value in limits.items():
            requests.setdefault(name, value)
        resources["requests"] = requests


def _default_pod_requests(spec: JSON) -> None:
    """Pod-level resources (KEP-2837): a pod-level limit is the pod-level request unless containers ask for less."""
    resources = spec.get("resources")
    if not resources or not resources.get("limits"):
        return
    from apiserver.registry.core.pod_resources import pod_requests

    asked = pod_requests({**spec, "resources": None})
    requests = dict(resources.get("requests") or {})
    for name, value in resources["limits"].items():
        requests.setdefault(name, str(asked[name]) if name in asked else value)
    resources["requests"] = requests


def _default_host_ports(container: JSON) -> None:
    for port in container.get("ports") or ():
        if not port.get("hostPort") and port.get("containerPort"):
            port["hostPort"] = port["containerPort"]


def default_volume(volume: JSON) -> None:
    if not any(value is not None for key, value in volume.items() if key != "name"):
        volume["emptyDir"] = {}
    canonicalize(volume.get("emptyDir"), "sizeLimit")
    for kind in ("secret", "configMap", "downwardAPI", "projected"):
        source = volume.get(kind)
        if source is not None and source.get("defaultMode") is None:
            source["defaultMode"] = FILE_MODE
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_env_source(item)
    for source in (volume.get("projected") or {}).get("sources") or ():
        _default_projection(source)
    for kind, fields in _VOLUME_FIELDS.items():
        if volume.get(kind) is not None:
            for key, value in fields.items():
                if volume[kind].get(key) is None:
                    volume[kind][key] = value
    if volume.get("image") is not None:
        _unset(volume["image"], "pullPolicy", default_pull_policy(volume["image"].get("reference") or ""))
    if volume.get("ephemeral") is not None:
        claim = (volume["ephemeral"].get("volumeClaimTemplate") or {}).get("spec")
        if claim is not None:
            _unset(claim, "volumeMode", "Filesystem")


def _default_projection(source: JSON) -> None:
    token = source.get("serviceAccountToken")
    if token is not None and token.get("expirationSeconds") is None:
        token["expirationSeconds"] = TOKEN_SECONDS
    for item in (source.get("downwardAPI") or {}).get("items") or ():
        _default_env_source(item)


_VOLUME_FIELDS: dict[str, JSON] = {
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
"""Sources whose unset fields mean something, shared with persistent volumes."""
