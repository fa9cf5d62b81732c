"""EndpointSlices: up to a thousand backends of a Service."""

from __future__ import annotations

from typing import Final

from apiserver.registry.checks import JSON, Errors, duplicate, enum, in_range, invalid, port_number, required, unchanged
from apiserver.registry.core.container_validation import PROTOCOLS
from apiserver.registry.core.pod_validation import ip_address
from apiserver.registry.strategy import Strategy

ENDPOINTS_MAX: Final = 1000
ADDRESSES_MAX: Final = 100
PORTS_MAX: Final = 20000
_TYPES: Final = ("FQDN", "IPv4", "IPv6")


class EndpointSliceStrategy(Strategy):
    tracks_generation = True
    allow_create_on_update = True

    def defaults(self, obj: JSON) -> None:
        for port in obj.get("ports") or ():
            if port.get("name") is None:
                port["name"] = ""
            if not port.get("protocol"):
                port["protocol"] = "TCP"

    def validate(self, obj: JSON) -> Errors:
        kind = obj.get("addressType")
        errors = enum("addressType", kind, _TYPES)
        endpoints = obj.get("endpoints") or []
        if len(endpoints) > ENDPOINTS_MAX:
            errors.append(invalid("endpoints", len(endpoints), f"must have at most {ENDPOINTS_MAX} items"))
        for index, endpoint in enumerate(endpoints):
            errors += _endpoint(f"endpoints[{index}]", endpoint, ip=kind != "FQDN")
        return errors + _ports(obj.get("ports") or [])

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        return self.validate(new) + unchanged("addressType", old.get("addressType"), new.get("addressType"))


def _endpoint(path: str, endpoint: JSON, *, ip: bool) -> Errors:
    addresses = endpoint.get("addresses") or []
    if not addresses:
        return [required(f"{path}.addresses", "must contain at least 1 address")]
    errors = in_range(f"{path}.addresses", len(addresses), 1, ADDRESSES_MAX)
    if ip:
        for index, address in enumerate(addresses):
            errors += ip_address(f"{path}.addresses[{index}]", address)
    return errors


def _ports(ports: list[JSON]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at, name = f"ports[{index}]", port.get("name") or ""
        if name in seen:
            errors.append(duplicate(f"{at}.name", name))
        seen.add(name)
        if port.get("port") is not None:
            errors += port_number(f"{at}.port", port["port"])
        errors += enum(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
    return errors
