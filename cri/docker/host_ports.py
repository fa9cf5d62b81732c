"""Host ports: a port of the node leads to a pod. nftables in the node's network namespace, in a table of our own.

Connections are masqueraded as they leave the node for the pod: the network is flat, so an answer would otherwise go
past the node that has to translate it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from apimachinery.errors import ApiError
from apimachinery.patience import patience
from cri.limits import NFT_SECONDS
from cri.records import Sandbox
from proto import cri_pb2 as pb

log = logging.getLogger(__name__)

TABLE: Final = "orrery-hostports"
_MARK: Final = "0x800000"
"""A bit of the connection's mark, not of the packet's, which is kube-proxy's."""

_PROTOCOLS: Final[Mapping[int, str]] = {pb.Protocol.TCP: "tcp", pb.Protocol.UDP: "udp"}
_ANY: Final = ("", "0.0.0.0", "::")


class HostPorts:
    """One node's. `nothing to do` costs nothing: the table exists only while some pod wants a port."""

    def __init__(self) -> None:
        self._applied = ""
        self._applying = asyncio.Lock()

    async def apply(self, sandboxes: Iterable[Sandbox], netns: str) -> None:
        """Make the node's rules those of `sandboxes`. `netns` is a path. Raises ApiError if they cannot be set."""
        async with self._applying:
            wanted = render(sandboxes)
            state = f"{netns}\n{wanted}" if wanted else ""
            if state == self._applied:
                return
            await _nft(netns, wanted or _absent())
            self._applied = state


def has_ports(sandbox: Sandbox) -> bool:
    return any(port.host_port for port in sandbox.ports)


def render(sandboxes: Iterable[Sandbox]) -> str:
    """The whole table as a script for nft; empty if no port is wanted. Raises ApiError on a protocol it cannot be."""
    anywhere, at_address = [], []
    for sandbox in sandboxes:
        for port in sandbox.ports if sandbox.ready else ():
            if not port.host_port:
                continue
            key = f"{_protocol(port)} . {port.host_port}"
            target = f"{sandbox.ip} . {port.container_port}"
            if port.host_ip in _ANY:
                anywhere.append(f"{key} : {target}")
            else:
                at_address.append(f"{port.host_ip} . {key} : {target}")
    return _table(sorted(anywhere), sorted(at_address)) if anywhere or at_address else ""


def _protocol(port: pb.PortMapping) -> str:
    protocol = _PROTOCOLS.get(int(port.protocol))
    if protocol is None:
        raise ApiError("BadRequest", f"hostPort {port.host_port}: only TCP and UDP are supported")
    return protocol


def _absent() -> str:
    """Works whether the table is there or not."""
    return f"table ip {TABLE}\ndelete table ip {TABLE}\n"


def _table(anywhere: list[str], at_address: list[str]) -> str:
    mark = f"ct mark set ct mark or {_MARK}"
    both = "meta l4proto . th dport"
    return f"""{_absent()}table ip {TABLE} {{
  map anywhere {{ type inet_proto . inet_service : ipv4_addr . inet_service; {_elements(anywhere)} }}
  map at-address {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; {_elements(at_address)} }}
  chain translate {{
    ip daddr . {both} @at-address {mark} dnat ip to ip daddr . {both} map @at-address
    {both} @anywhere {mark} dnat ip to {both} map @anywhere
  }}
  chain prerouting {{ type nat hook prerouting priority dstnat; fib daddr type local jump translate; }}
  chain output {{ type nat hook output priority -100; fib daddr type local jump translate; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; ct mark and {_MARK} == {_MARK} masquerade; }}
}}
"""


def _elements(pairs: list[str]) -> str:
    return f"elements = {{ {', '.join(pairs)} }};" if pairs else ""


async def _nft(netns: str, script: str) -> None:
    argv = ("nsenter", f"--net={netns}", "nft", "-f", "-")
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe)
        async with patience(NFT_SECONDS):
            _, errors = await process.communicate(script.encode())
    except (OSError, TimeoutError) as error:
        raise ApiError("InternalError", f"host ports: {error or 'nft does not answer'}") from None
    if process.returncode != 0:
        raise ApiError("InternalError", f"host ports: {errors.decode(errors='replace').strip()}")
