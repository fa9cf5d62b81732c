"""The nftables backend over a namespace that only writes down what is run in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kube_proxy.backends.backend import BackendError
from kube_proxy.backends.namespace import Namespace
from kube_proxy.backends.nftables import NftablesBackend
from kube_proxy.rules import Options
from kube_proxy.services import PortRules, Target

POD1, POD2 = Target("10.244.1.5", 53), Target("10.244.2.6", 53)
DNS = PortRules("kube-system/kube-dns", "dns", "udp", "10.96.0.10", 53, 0, (), (POD1, POD2), (), False, False, 0)
ONE_LESS = replace(DNS, cluster=(POD2,))
FORGET_POD1 = "conntrack -D -p udp --orig-port-dst 53 --orig-dst 10.96.0.10 --dst-nat 10.244.1.5"


class Recorded(Namespace):
    """Refuses the next transaction if told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.name = "first"
        self.refuses = False
        self.ran: list[str] = []

    def identity(self) -> str:
        return self.name

    async def run(self, *command: str, stdin: str = "") -> tuple[int, str]:
        self.ran.append(" ".join(command))
        if self.refuses and command[0] == "nft":
            self.refuses = False
            return 1, "no such chain"
        return 0, "1"

    def forgotten(self) -> list[str]:
        return [one for one in self.ran if one.startswith("conntrack")]


@pytest.fixture
def namespace() -> Recorded:
    return Recorded()


async def test_flows_to_an_endpoint_that_is_gone_are_forgotten(namespace: Recorded) -> None:
    backend = NftablesBackend(namespace, Options("10.244.0.0/16", "10.96.0.0/12"))
    await backend.apply({"dns": [DNS]})
    assert namespace.forgotten() == []
    await backend.apply({"dns": [ONE_LESS]})
    assert namespace.forgotten() == [FORGET_POD1]


async def test_flows_are_forgotten_too_when_the_change_failed_and_all_was_applied_anew(namespace: Recorded) -> None:
    backend = NftablesBackend(namespace, Options("10.244.0.0/16", "10.96.0.0/12"))
    await backend.apply({"dns": [DNS]})
    namespace.refuses = True
    with pytest.raises(BackendError, match="no such chain"):
        await backend.apply({"dns": [ONE_LESS]})
    assert namespace.forgotten() == []
    await backend.apply({"dns": [ONE_LESS]})
    assert backend.told.startswith("add table") and namespace.forgotten() == [FORGET_POD1]


async def test_a_namespace_made_anew_has_no_flows_to_forget(namespace: Recorded) -> None:
    backend = NftablesBackend(namespace, Options("10.244.0.0/16", "10.96.0.0/12"))
    await backend.apply({"dns": [DNS]})
    namespace.name = "second"
    await backend.apply({"dns": [ONE_LESS]})
    assert backend.told.startswith("add table") and namespace.forgotten() == []
