"""Endpoints: the old, single-object list of a Service's backends."""

from __future__ import annotations

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, each, enum, named, port_number, required
from apiserver.registry.core.container_validation import PROTOCOLS
from apiserver.registry.core.pod_validation import ip_address
from apiserver.registry.strategy import Strategy


class EndpointsStrategy(Strategy):
    allow_create_on_update = True

    def defaults(self, obj: JSON) -> None:
        for subset in obj.get("subsets") or ():
            for port in subset.get("ports") or ():
                if not port.get("protocol"):
                    port["protocol"] = "TCP"

    def validate(self, obj: JSON) -> Errors:
        return each("subsets", obj.get("subsets"), _subset)


def _subset(path: str, subset: JSON) -> Errors:
    errors: Errors = []
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        errors.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
    for name in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(subset.get(name) or ()):
            errors += ip_address(f"{path}.{name}[{index}].ip", address.get("ip") or "")
    ports = subset.get("ports") or []
    for index, port in enumerate(ports):
        at = f"{path}.ports[{index}]"
        errors += named(f"{at}.name", port.get("name"), names.dns1123_label, needed=len(ports) > 1)
        errors += port_number(f"{at}.port", port.get("port"))
        errors += enum(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
    return errors
