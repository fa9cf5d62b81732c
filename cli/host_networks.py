"""Addresses that the host itself uses, which a cluster must not take: routes of its interfaces, and its nameservers."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network
from pathlib import Path

BRIDGES = ("br-", "docker", "veth", "lo")  # Docker's own; its networks are asked of Docker by name


ROUTES = Path("/proc/net/route")
RESOLVER = Path("/etc/resolv.conf")


def host_networks(routes: Path = ROUTES, resolver: Path = RESOLVER) -> list[IPv4Network]:
    """Every network the host reaches other than by its default route, and each nameserver as a network of one."""
    found = routed(routes.read_text()) if routes.exists() else []
    return found + (nameservers(resolver.read_text()) if resolver.exists() else [])


def routed(table: str) -> list[IPv4Network]:
    """Destinations of a `/proc/net/route` table: hexadecimal, least significant byte first."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [
        IPv4Network((int.from_bytes(bytes.fromhex(row[1]), "little"), int(row[7], 16).bit_count()))
        for row in rows
        if len(row) > 7 and int(row[7], 16) and not row[0].startswith(BRIDGES)
    ]


def nameservers(text: str) -> list[IPv4Network]:
    words = [line.split() for line in text.splitlines()]
    named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    return [IPv4Network(one) for one in named if _is_v4(one)]


def _is_v4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
