"""The cluster's network and the node's container, made if they are missing and made again if they vanish."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apimachinery.errors import ApiError
from cri.docker.engine import Engine
from cri.docker.identity import CLUSTER
from cri.docker.loopback import namespace_path
from cri.docker.sandbox_body import NodeSettings, Plug, node_body

log = logging.getLogger(__name__)


class NodeKeeper:
    """Keeps both. `owned`: the node's container is ours to make; otherwise we wait for whoever makes it."""

    def __init__(
        self, engine: Engine, settings: NodeSettings, state_dir: Path,
        *, node: str, image: str, subnet: str, owned: bool,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._settings = settings
        self._node = node
        self._image = image
        self._subnet = subnet
        self._owned = owned
        self._netns_file = state_dir / "netns"
        self.container_id = ""
        self.plug: Plug | None = None
        self.netns = ""

    async def ensure(self) -> None:
        """Raises ApiError while it cannot be."""
        await self._ensure_network()
        found = await self._find()
        if found is None or not found["State"]["Running"]:
            found = await self._make(found)
        self.container_id = found["Id"]
        self.netns = namespace_path(int(found["State"]["Pid"]))
        self._write_netns()

    async def _ensure_network(self) -> None:
        name = self._settings.network
        if await self._look_at_network(name):
            return
        subnet = ipaddress.ip_network(self._subnet)
        ipam = {"Driver": "default", "Config": [{"Subnet": str(subnet), "Gateway": str(subnet[1])}]}
        labels = {CLUSTER: self._settings.owner[CLUSTER]}
        try:
            await self._engine.call(
                "create_network",
                lambda api: api.create_network(name, driver="bridge", ipam=ipam, labels=labels, check_duplicate=True),
            )
            log.info("made network %s (%s)", name, subnet)
        except ApiError:
            if not await self._look_at_network(name):  # another node's runtime may have been quicker
                raise
            return
        await self._look_at_network(name)

    async def _look_at_network(self, name: str) -> bool:
        """Whether it is there; and where pods plug in."""
        listed = await self._engine.call("networks", lambda api: api.networks(names=[name]))
        found = next((one for one in listed if one["Name"] == name), None)
        self.plug = find_plug(found) if found is not None else None
        return found is not None

    async def _find(self) -> dict[str, Any] | None:
        name = self._settings.node_container
        try:
            found: dict[str, Any] = await self._engine.call(
                "inspect_container", lambda api: api.inspect_container(name)
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise
            return None
        return found

    async def _make(self, found: dict[str, Any] | None) -> dict[str, Any]:
        name = self._settings.node_container
        if not self._owned:
            raise ApiError("ServiceUnavailable", f"node container {name} does not run")
        if found is not None:
            # Its namespace died with it. A new one under the same name has the state that a rebooted machine has.
            await self._engine.call("remove_container", lambda api: api.remove_container(name, force=True))
        body = node_body(self._settings, self._image, self._node)
        await self._engine.call("create_container", lambda api: api.create_container_from_config(body, name))
        await self._engine.call("start", lambda api: api.start(name))
        made = await self._find()
        if made is None or not made["State"]["Running"]:
            raise ApiError("ServiceUnavailable", f"node container {name} ended as soon as it had started")
        log.info("node container %s runs", name)
        return made

    def _write_netns(self) -> None:
        """kube-proxy reads this file, and reads it again when the path has stopped to work."""
        beside = self._netns_file.with_name("netns.new")
        beside.write_text(self.netns + "\n")
        beside.rename(self._netns_file)


def find_plug(network: Mapping[str, Any]) -> Plug | None:
    """Of a bridge network of ours, as `networks` describes it. None if the engine does not say enough."""
    if network.get("Driver") != "bridge":
        return None
    options = network.get("Options") or {}
    bridge = options.get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
    for pool in (network.get("IPAM") or {}).get("Config") or ():
        subnet = ipaddress.ip_network(pool["Subnet"])
        if subnet.version == 4:
            return Plug(bridge, subnet.prefixlen, pool.get("Gateway") or str(subnet[1]))
    return None
