"""Addresses of pods: from the node's CIDR, taken in turn so that an address rests before it is given again."""

from __future__ import annotations

import ipaddress

from apimachinery.errors import ApiError


class AddressPool:
    """Hands out the host addresses of one IPv4 CIDR but the first, which is customarily the gateway's."""

    def __init__(self) -> None:
        self._network: ipaddress.IPv4Network | None = None
        self._taken: dict[str, str] = {}
        self._next = 0

    @property
    def cidr(self) -> str:
        return str(self._network) if self._network is not None else ""

    def set_cidr(self, cidr: str) -> None:
        """Raises ApiError if it is none. What is taken stays taken."""
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError as error:
            raise ApiError("BadRequest", f"pod CIDR: {error}") from None
        if not isinstance(network, ipaddress.IPv4Network) or network.num_addresses < 8:
            raise ApiError("BadRequest", f"pod CIDR {cidr}: must be IPv4 and hold at least 8 addresses")
        if network != self._network:
            self._network = network
            self._next = self._after_highest(network)

    def take(self, owner: str) -> str:
        """A free address. Raises ApiError when there is none, or no CIDR yet."""
        if self._network is None:
            raise ApiError("ServiceUnavailable", "network is not ready: the node has no pod CIDR yet")
        usable = self._network.num_addresses - 3  # less network, gateway and broadcast
        for step in range(usable):
            address = str(self._network[2 + (self._next + step) % usable])
            if address not in self._taken:
                self._taken[address] = owner
                self._next = (self._next + step + 1) % usable
                return address
        raise ApiError("ServiceUnavailable", f"no address left in {self._network} ({usable} are taken)")

    def claim(self, address: str, owner: str) -> None:
        """Note what is found taken already."""
        if address:
            self._taken[address] = owner

    def release(self, address: str, owner: str) -> None:
        """Only if `owner` still has it."""
        if self._taken.get(address) == owner:
            del self._taken[address]

    def rename(self, address: str, before: str, after: str) -> None:
        if self._taken.get(address) == before:
            self._taken[address] = after

    def _after_highest(self, network: ipaddress.IPv4Network) -> int:
        """Go on behind what a predecessor gave out last, as far as that can be seen."""
        taken = [ipaddress.IPv4Address(one) for one in self._taken]
        offsets = [int(one) - int(network.network_address) - 2 for one in taken if one in network]
        return (max(offsets, default=-1) + 1) % (network.num_addresses - 3)
