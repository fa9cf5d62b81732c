"""Host ports as nftables rules."""

from __future__ import annotations

from typing import Any

import pytest

from apimachinery.errors import ApiError
from cri.docker.host_ports import has_ports, render
from cri.records import Sandbox
from proto import cri_pb2 as pb


def sandbox(ip: str, *ports: dict[str, Any], ready: bool = True) -> Sandbox:
    mappings = tuple(pb.PortMapping(**port) for port in ports)
    return Sandbox(id=ip, name="a", namespace="b", uid="c", ip=ip, ready=ready, ports=mappings)


def test_nothing_to_do_without_host_ports() -> None:
    plain = sandbox("10.0.0.2", {"container_port": 80})
    assert not has_ports(plain)
    assert render([plain]) == ""


def test_elements_are_sorted_by_protocol_and_address() -> None:
    script = render(
        [
            sandbox("10.0.0.3", {"container_port": 53, "host_port": 53, "protocol": pb.Protocol.UDP}),
            sandbox("10.0.0.2", {"container_port": 80, "host_port": 8080, "host_ip": "0.0.0.0"}),
            sandbox("10.0.0.4", {"container_port": 81, "host_port": 8080, "host_ip": "10.240.0.11"}),
        ]
    )
    assert "elements = { tcp . 8080 : 10.0.0.2 . 80, udp . 53 : 10.0.0.3 . 53 };" in script
    assert "elements = { 10.240.0.11 . tcp . 8080 : 10.0.0.4 . 81 };" in script
    assert script.startswith("table ip orrery-hostports\ndelete table ip orrery-hostports\n")


def test_sandbox_that_is_not_ready_has_no_port() -> None:
    assert render([sandbox("10.0.0.2", {"container_port": 80, "host_port": 8080}, ready=False)]) == ""


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ApiError, match="hostPort 9: only TCP and UDP"):
        render([sandbox("10.0.0.2", {"container_port": 9, "host_port": 9, "protocol": pb.Protocol.SCTP})])
