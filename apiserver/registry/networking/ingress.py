"""Ingresses and their classes: HTTP from outside, by host and path."""

from __future__ import annotations

import ipaddress

from apimachinery import names
from apiserver.registry.checks import (
    JSON,
    Errors,
    each,
    enum,
    invalid,
    named,
    port_name,
    port_number,
    required,
    unchanged,
)
from apiserver.registry.strategy import Context, Strategy


class IngressStrategy(Strategy):
    tracks_generation = True

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        obj["status"] = {"loadBalancer": {}}

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        errors: Errors = []
        if not spec.get("rules") and spec.get("defaultBackend") is None:
            errors.append(
                invalid("spec", spec.get("rules") or [], "either `defaultBackend` or `rules` must be specified")
            )
        if spec.get("defaultBackend") is not None:
            errors += _backend("spec.defaultBackend", spec["defaultBackend"])
        errors += named("spec.ingressClassName", spec.get("ingressClassName"), names.dns1123_subdomain, needed=False)
        errors += each("spec.tls", spec.get("tls"), _tls)
        return errors + each("spec.rules", spec.get("rules"), _rule)


def _host(path: str, host: str) -> Errors:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        bare = host.removeprefix("*.")
        return [invalid(path, host, message) for message in names.dns1123_subdomain(bare)]
    return [invalid(path, host, "must be a DNS name, not an IP address")]


def _tls(path: str, tls: JSON) -> Errors:
    return [
        error for index, host in enumerate(tls.get("hosts") or ()) for error in _host(f"{path}.hosts[{index}]", host)
    ]


def _rule(path: str, rule: JSON) -> Errors:
    errors = _host(f"{path}.host", rule["host"]) if rule.get("host") else []
    http = rule.get("http")
    if http is None:
        return errors
    if not http.get("paths"):
        return [*errors, required(f"{path}.http.paths")]
    return errors + each(f"{path}.http.paths", http["paths"], _path)


def _path(path: str, given: JSON) -> Errors:
    kind, text = given.get("pathType"), given.get("path") or ""
    errors: Errors = []
    if not kind:
        errors.append(required(f"{path}.pathType", "pathType must be specified"))
    else:
        errors += enum(f"{path}.pathType", kind, ("Exact", "ImplementationSpecific", "Prefix"))
    if kind in ("Exact", "Prefix"):
        if not text.startswith("/"):
            errors.append(invalid(f"{path}.path", text, "must be an absolute path"))
        errors += [
            invalid(f"{path}.path", text, f"must not contain '{bad}'") for bad in ("//", "/./", "/../") if bad in text
        ]
    elif text and not text.startswith("/"):
        errors.append(invalid(f"{path}.path", text, "must be an absolute path"))
    return errors + _backend(f"{path}.backend", given.get("backend") or {})


def _backend(path: str, backend: JSON) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [invalid(path, "", "cannot set both resource and service backends")]
    if service is None:
        if resource is None:
            return [required(path, "resource or service backend is required")]
        return [required(f"{path}.resource.{key}") for key in ("kind", "name") if not resource.get(key)]
    errors = named(f"{path}.service.name", service.get("name"), names.dns1035_label)
    port = service.get("port") or {}
    if port.get("name") and port.get("number"):
        return [*errors, invalid(path, "", "cannot set both port name & port number")]
    if port.get("name"):
        return errors + [invalid(f"{path}.service.port.name", port["name"], text) for text in port_name(port["name"])]
    if not port.get("number"):
        return [*errors, required(path, "port name or number is required")]
    return errors + port_number(f"{path}.service.port.number", port["number"])


class IngressClassStrategy(Strategy):
    tracks_generation = True

    def defaults(self, obj: JSON) -> None:
        parameters = (obj.get("spec") or {}).get("parameters")
        if parameters is not None and not parameters.get("scope"):
            parameters["scope"] = "Cluster"

    def validate(self, obj: JSON) -> Errors:
        return [] if (obj.get("spec") or {}).get("controller") else [required("spec.controller")]

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        was, now = ((one.get("spec") or {}).get("controller") for one in (old, new))
        return self.validate(new) + unchanged("spec.controller", was, now)
