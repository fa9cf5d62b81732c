"""Rules in the node's network namespace, by transactions of nft(8).

The first sync in a namespace replaces the whole table at once, so a restarted kube-proxy leaves no gap; later ones are
changes, which keep what the kernel remembers (clients' affinity). Whenever a change fails, or somebody else has been
at the table, the next sync is whole again.
"""

from __future__ import annotations

import logging

from kube_proxy.backends.backend import BackendError, Desired
from kube_proxy.backends.namespace import Namespace
from kube_proxy.conntrack import delete_command, stale_flows
from kube_proxy.limits import CONNTRACK_FLUSHES
from kube_proxy.rules import Options, render, skeleton
from kube_proxy.ruleset import TABLE, Ruleset, change_text, full_text, merge
from kube_proxy.services import PortRules

_log = logging.getLogger(__name__)

_FORWARD = "/proc/sys/net/ipv4/ip_forward"
_NO_REDIRECTS = """
for file in /proc/sys/net/ipv4/conf/*/send_redirects; do
    read -r value <$file
    [ "$value" = 0 ] || echo 0 >$file || exit 1
done
"""
"""The node routes for its pods, and must not tell them of a shorter way: that would go around the rules."""


class NftablesBackend:
    def __init__(self, namespace: Namespace, options: Options) -> None:
        self._namespace = namespace
        self._options = options
        self._skeleton = skeleton(options)
        self._rendered: dict[PortRules, Ruleset] = {}
        self._applied: Ruleset | None = None
        self._applied_in = ""
        self.told = ""
        self._flows: list[PortRules] = []
        self._conntrack_missing = False

    async def apply(self, desired: Desired) -> bool:
        identity = self._namespace.identity()
        ports = [rules for one in sorted(desired) for rules in desired[one]]
        rules = self._merged(ports)
        known = identity == self._applied_in  # a new namespace has no flows yet
        whole = self._applied is None or not known
        if whole:
            await self._prepare()
        text = full_text(self._skeleton, rules) if whole or self._applied is None else change_text(self._applied, rules)
        self.told = text
        if text:
            await self._transact(text)
        self._applied, self._applied_in = rules, identity
        await self._forget_flows(self._flows if known else [], ports)
        self._flows = ports
        return bool(text)

    async def check(self) -> bool:
        """The same namespace, and our table still has its chains."""
        if self._applied is None or self._namespace.identity() != self._applied_in:
            return False
        code, output = await self._namespace.run("nft", "list", "chain", *TABLE.split(), "services")
        if code == 0 and "service-ips" in output:
            return True
        _log.warning("somebody removed our rules; they are put back")
        self._applied = None
        return False

    def _merged(self, ports: list[PortRules]) -> Ruleset:
        """Only what changed is rendered anew."""
        known = self._rendered
        self._rendered = {rules: known.get(rules) or render(rules, self._options) for rules in ports}
        return merge(self._rendered.values())

    async def _transact(self, text: str) -> None:
        code, output = await self._namespace.run("nft", "-f", "-", stdin=text)
        if code != 0:
            self._applied = None
            raise BackendError(f"nft refused the rules: {output}")

    async def _prepare(self) -> None:
        """The node must forward. A container without the right to set that is told so, once per namespace."""
        code, value = await self._namespace.run("cat", _FORWARD)
        if code != 0 or value != "1":
            code, _ = await self._namespace.run("tee", _FORWARD, stdin="1")
            if code != 0:
                _log.warning(
                    "ip_forward is off in the node's namespace and cannot be turned on: services will not work"
                )
        code, output = await self._namespace.run("sh", "-c", _NO_REDIRECTS)
        if code != 0:
            _log.info("ICMP redirects of the node stay as they are: %s", output)

    async def _forget_flows(self, old: list[PortRules], new: list[PortRules]) -> None:
        stale = stale_flows(old, new)
        if not stale or self._conntrack_missing:
            return
        commands = [delete_command(flow) for flow in stale]
        if len(commands) > CONNTRACK_FLUSHES:
            commands = [["-D", "-p", "udp"]]
        try:
            for command in commands:
                # Exit code 1 says that there was no such flow.
                await self._namespace.run("conntrack", *command)
        except BackendError as error:
            self._conntrack_missing = True
            _log.warning("UDP flows to endpoints that are gone live on until they time out: %s", error)
