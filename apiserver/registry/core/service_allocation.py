"""Cluster IPs and node ports, each given to one Service only, however many apiservers there are.

A claim is an object whose *name* is what is claimed, so etcd's "create if absent" decides every race: for an IP the
`IPAddress` of networking.k8s.io, as upstream since 1.33 (KEP-1880); for a node port an object of the unserved resource
`nodeports` of `internal.apiserver.k8s.io`, as nothing public exists for those. A free one is found by probing at
random among what the cache does not know as claimed. A claim whose Service is gone (an apiserver died between the two
writes) is taken over once it is older than `ORPHAN_SECONDS`.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable
from typing import Any, Final

from apimachinery.errors import ApiError, internal
from apimachinery.errors import invalid as invalid_object
from apimachinery.resources import GVR
from apimachinery.timestamps import parse_time
from apiserver.registry.checks import JSON, invalid
from apiserver.registry.strategy import Context

SERVICES: Final = GVR("", "v1", "services")
IP_ADDRESSES: Final = GVR("networking.k8s.io", "v1", "ipaddresses")
NODE_PORTS: Final = GVR("internal.apiserver.k8s.io", "v1alpha1", "nodeports")
HEADLESS: Final = "None"
PROBES: Final = 32
"""Random tries for a free address or port before the range is searched from its start."""
ORPHAN_SECONDS: Final = 60.0
MANAGED_BY: Final = "ipallocator.k8s.io"


class Allocator:
    """Holds only the ranges; every claim lives in etcd."""

    def __init__(
        self, cidr: str = "10.96.0.0/12", node_ports: tuple[int, int] = (30000, 32767), *,
        rng: random.Random | None = None,
    ) -> None:  # fmt: skip
        self.network = ipaddress.ip_network(cidr)
        self.node_ports = node_ports
        self._random = rng or random.Random()

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    def families(self, spec: JSON) -> None:
        """Fill in `ipFamilies` and `ipFamilyPolicy` for a cluster of one address family."""
        if spec.get("type") == "ExternalName":
            return
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        elif spec.get("clusterIPs") and not spec.get("clusterIP"):
            spec["clusterIP"] = spec["clusterIPs"][0]
        undirected = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
        if not spec.get("ipFamilyPolicy"):
            spec["ipFamilyPolicy"] = "RequireDualStack" if undirected else "SingleStack"
        if not spec.get("ipFamilies"):
            other = "IPv6" if self.family == "IPv4" else "IPv4"
            spec["ipFamilies"] = [self.family, other] if undirected else [self.family]

    async def allocate(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        """Claim what `new` needs and `old` does not hold already, writing it into `new`. Raises ApiError 422."""
        held = _claims(old)
        made: list[tuple[GVR, str]] = []
        try:
            await self._allocate_ip(ctx, held, new, made)
            await self._allocate_ports(ctx, held, new, made)
        except BaseException:
            for gvr, name in made:
                await ctx.objects.delete(gvr, "", name)
            raise

    def preview(self, ctx: Context, old: JSON | None, new: JSON) -> None:
        """What `allocate` might give, claiming nothing."""
        spec = new["spec"]
        if _wants_ip(spec) and not spec.get("clusterIP"):
            _set_ip(spec, next(iter(self._free_ips(ctx))))
        taken: set[int] = set()
        for port in _ports_to_fill(spec):
            port["nodePort"] = next(number for number in self._free_ports(ctx) if number not in taken)
            taken.add(port["nodePort"])

    async def release(self, ctx: Context, service: JSON, *, keep: JSON | None) -> None:
        """Give back what `service` holds and `keep` does not."""
        for gvr, name in _claims(service) - _claims(keep):
            await ctx.objects.delete(gvr, "", name)

    # --- addresses ---

    async def _allocate_ip(
        self, ctx: Context, held: set[tuple[GVR, str]], new: JSON, made: list[tuple[GVR, str]]
    ) -> None:
        spec = new["spec"]
        wanted = spec.get("clusterIP")
        if not _wants_ip(spec) or wanted == HEADLESS:
            return
        candidates = [wanted] if wanted else self._free_ips(ctx)
        for address in candidates:
            claim = (IP_ADDRESSES, _ip_name(address))
            if claim in held:
                return
            if await self._claim(ctx, claim, _ip_claim(address, new), new):
                made.append(claim)
                _set_ip(spec, address)
                return
        if wanted:
            why = f"failed to allocate IP {wanted}: provided IP is already allocated"
            raise _invalid(new, "spec.clusterIPs", [wanted], why)
        raise internal("failed to allocate a serviceIP: range is full")

    def _free_ips(self, ctx: Context) -> Iterable[str]:
        size = self.network.num_addresses
        # The first address is the network's, the last the broadcast address: neither is ever given.
        for _ in range(PROBES):
            address = str(self.network[self._random.randrange(1, size - 1)])
            if ctx.objects.get(IP_ADDRESSES, "", _ip_name(address)) is None:
                yield address
        taken = {claim["metadata"]["name"] for claim in ctx.objects.list(IP_ADDRESSES)}
        for offset in range(1, size - 1):
            address = str(self.network[offset])
            if _ip_name(address) not in taken:
                yield address

    # --- ports ---

    async def _allocate_ports(
        self, ctx: Context, held: set[tuple[GVR, str]], new: JSON, made: list[tuple[GVR, str]]
    ) -> None:
        spec = new["spec"]
        asked = [number for number in _node_ports(spec) if (NODE_PORTS, str(number)) not in held]
        for number in dict.fromkeys(asked):
            claim = (NODE_PORTS, str(number))
            if not await self._claim(ctx, claim, _port_claim(number, new), new):
                index = next(i for i, port in enumerate(spec["ports"]) if port.get("nodePort") == number)
                raise _invalid(new, f"spec.ports[{index}].nodePort", number, "provided port is already allocated")
            made.append(claim)
        for port in _ports_to_fill(spec):
            port["nodePort"] = await self._any_port(ctx, new, made)
        if _wants_health_check(spec) and not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = await self._any_port(ctx, new, made)

    async def _any_port(self, ctx: Context, new: JSON, made: list[tuple[GVR, str]]) -> int:
        for number in self._free_ports(ctx):
            claim = (NODE_PORTS, str(number))
            if claim not in made and await self._claim(ctx, claim, _port_claim(number, new), new):
                made.append(claim)
                return number
        raise internal("failed to allocate a nodePort: range is full")

    def _free_ports(self, ctx: Context) -> Iterable[int]:
        low, high = self.node_ports
        taken = {claim["metadata"]["name"] for claim in ctx.objects.list(NODE_PORTS)}
        for _ in range(PROBES):
            number = self._random.randint(low, high)
            if str(number) not in taken:
                yield number
        yield from (number for number in range(low, high + 1) if str(number) not in taken)

    # --- claims ---

    async def _claim(self, ctx: Context, claim: tuple[GVR, str], body: JSON, owner: JSON) -> bool:
        """Whether the claim is ours now."""
        gvr, name = claim
        for _ in range(2):
            try:
                await ctx.objects.create(gvr, body)
            except ApiError as refusal:
                if refusal.reason != "AlreadyExists":
                    raise
            else:
                return True
            if not await self._orphaned(ctx, gvr, name, owner):
                return False
            await ctx.objects.delete(gvr, "", name)
        return False

    async def _orphaned(self, ctx: Context, gvr: GVR, name: str, owner: JSON) -> bool:
        claim = await ctx.objects.fetch(gvr, "", name)
        if claim is None:
            return True
        created = claim["metadata"].get("creationTimestamp")
        if created and ctx.now - parse_time(created) < ORPHAN_SECONDS:
            return False
        parent = (claim.get("spec") or {}).get("parentRef") or {}
        service = await ctx.objects.fetch(SERVICES, parent.get("namespace", ""), parent.get("name", ""))
        return service is None or claim_of(gvr, name) not in _claims(service)


def claim_of(gvr: GVR, name: str) -> tuple[GVR, str]:
    return gvr, name


def _wants_ip(spec: JSON) -> bool:
    return spec.get("type") != "ExternalName" and spec.get("clusterIP") != HEADLESS


def _set_ip(spec: JSON, address: str) -> None:
    spec["clusterIP"] = address
    spec["clusterIPs"] = [address]


def _ip_name(address: str) -> str:
    """An IPv6 address in its canonical long form has no `::`, which no object name could hold."""
    return str(ipaddress.ip_address(address))


def _node_ports(spec: JSON) -> list[int]:
    found = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    return found + ([spec["healthCheckNodePort"]] if spec.get("healthCheckNodePort") else [])


def _ports_to_fill(spec: JSON) -> list[JSON]:
    kind = spec.get("type")
    wanted = kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)
    return [port for port in spec.get("ports") or () if wanted and not port.get("nodePort")]


def _wants_health_check(spec: JSON) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _claims(service: JSON | None) -> set[tuple[GVR, str]]:
    """What a stored Service holds."""
    spec = (service or {}).get("spec") or {}
    found: set[tuple[GVR, str]] = {(NODE_PORTS, str(number)) for number in _node_ports(spec)}
    if spec.get("clusterIP") and spec["clusterIP"] != HEADLESS:
        found.add((IP_ADDRESSES, _ip_name(spec["clusterIP"])))
    return found


def _parent(service: JSON) -> JSON:
    metadata = service["metadata"]
    return {"group": "", "resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]}


def _ip_claim(address: str, service: JSON) -> JSON:
    family = f"IPv{ipaddress.ip_address(address).version}"
    labels = {"ipaddress.kubernetes.io/ip-family": family, "ipaddress.kubernetes.io/managed-by": MANAGED_BY}
    return {
        "apiVersion": IP_ADDRESSES.api_version,
        "kind": "IPAddress",
        "metadata": {"name": _ip_name(address), "labels": labels},
        "spec": {"parentRef": _parent(service)},
    }


def _port_claim(number: int, service: JSON) -> JSON:
    return {
        "apiVersion": NODE_PORTS.api_version,
        "kind": "NodePort",
        "metadata": {"name": str(number)},
        "spec": {"parentRef": _parent(service)},
    }


def _invalid(service: JSON, path: str, value: Any, why: str) -> ApiError:
    return invalid_object("", "Service", service["metadata"].get("name", ""), [invalid(path, value, why)])
