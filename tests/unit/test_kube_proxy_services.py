"""What a Service's ports mean on a node, and which UDP flows a change leaves stale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from api.service import EndpointSlice, Service
from kube_proxy.conntrack import StaleFlow, delete_command, stale_flows
from kube_proxy.services import PortRules, Target, port_rules


def service(**spec: Any) -> Service:
    labels = spec.pop("labels", {})
    status = spec.pop("status", {})
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080}]
    tree = {
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {"clusterIP": "10.96.0.20", "ports": ports, **spec},
        "status": status,
    }
    return msgspec.convert(tree, Service)


def endpoint(ip: str, node: str = "a", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [ip], "nodeName": node, "conditions": conditions}


def slice_of(*endpoints: dict[str, Any], ports: list[dict[str, Any]] | None = None, **more: Any) -> EndpointSlice:
    ports = ports if ports is not None else [{"name": "http", "port": 8080, "protocol": "TCP"}]
    tree = {"metadata": {"name": "web-1"}, "endpoints": list(endpoints), "ports": ports, **more}
    return msgspec.convert(tree, EndpointSlice)


def one(made: Service, *slices: EndpointSlice) -> PortRules:
    (found,) = port_rules(made, slices, "a")
    return found


def test_endpoints_of_all_slices_and_those_of_this_node() -> None:
    found = one(service(), slice_of(endpoint("10.0.0.2", "b")), slice_of(endpoint("10.0.0.1")))
    assert found.cluster == (Target("10.0.0.1", 8080), Target("10.0.0.2", 8080))
    assert found.local == (Target("10.0.0.1", 8080),)


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ([endpoint("1.1.1.1", ready=True), endpoint("2.2.2.2", ready=False)], ["1.1.1.1"]),
        ([endpoint("1.1.1.1")], ["1.1.1.1"]),
        (
            [endpoint("1.1.1.1", ready=True), endpoint("2.2.2.2", ready=False, serving=True, terminating=True)],
            ["1.1.1.1"],
        ),
        (
            [endpoint("1.1.1.1", ready=False), endpoint("2.2.2.2", ready=False, serving=True, terminating=True)],
            ["2.2.2.2"],
        ),
        ([endpoint("1.1.1.1", ready=False)], []),
    ],
)
def test_which_endpoints_are_used(endpoints: list[dict[str, Any]], expected: list[str]) -> None:
    assert [target.ip for target in one(service(), slice_of(*endpoints)).cluster] == expected


def test_ports_match_by_name_and_protocol() -> None:
    ports = [{"name": "http", "port": 1, "protocol": "UDP"}, {"name": "other", "port": 2}, {"name": "http", "port": 3}]
    assert one(service(), slice_of(endpoint("1.1.1.1"), ports=ports)).cluster == (Target("1.1.1.1", 3),)
    unnamed = service(ports=[{"port": 80}])
    assert one(unnamed, slice_of(endpoint("1.1.1.1"), ports=[{"port": 9}])).cluster == (Target("1.1.1.1", 9),)


@pytest.mark.parametrize(
    "made",
    [
        service(clusterIP="None"),
        service(clusterIP=""),
        service(type="ExternalName", externalName="example.com"),
        service(labels={"service.kubernetes.io/service-proxy-name": "another"}),
    ],
)
def test_services_without_a_proxy(made: Service) -> None:
    assert port_rules(made, [slice_of(endpoint("1.1.1.1"))], "a") == ()


def test_addresses_and_policies() -> None:
    made = service(
        type="LoadBalancer",
        externalIPs=["192.0.2.1"],
        loadBalancerSourceRanges=["198.51.100.0/24"],
        externalTrafficPolicy="Local",
        internalTrafficPolicy="Local",
        sessionAffinity="ClientIP",
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.2"}, {"hostname": "lb.example.com"}]}},
    )
    found = one(made, slice_of(endpoint("1.1.1.1", "b")))
    assert (found.external_ips, found.balancer_ips) == (("192.0.2.1",), ("192.0.2.2",))
    assert found.source_ranges == ("198.51.100.0/24",)
    assert found.node_port == 30080
    assert (found.internal, found.external) == ((), ())
    assert found.affinity_seconds == 10800
    assert one(service()).node_port == 0
    assert (
        one(
            service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 9}})
        ).affinity_seconds
        == 9
    )


UDP = PortRules("ns/dns", "dns", "udp", "10.96.0.10", 53, 30053, (), (Target("1.1.1.1", 53),), (), False, False, 0)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([UDP], [UDP], []),
        ([UDP], [], [StaleFlow("10.96.0.10", 53, "1.1.1.1"), StaleFlow("", 30053, "1.1.1.1")]),
        (
            [UDP],
            [replace(UDP, cluster=(Target("2.2.2.2", 53),))],
            [StaleFlow("10.96.0.10", 53, "1.1.1.1"), StaleFlow("", 30053, "1.1.1.1")],
        ),
        ([replace(UDP, cluster=())], [UDP], [StaleFlow("10.96.0.10", 53), StaleFlow("", 30053)]),
        ([replace(UDP, protocol="tcp")], [], []),
    ],
)
def test_stale_flows(old: list[PortRules], new: list[PortRules], expected: list[StaleFlow]) -> None:
    assert stale_flows(old, new) == expected


def test_the_command_that_forgets_a_flow() -> None:
    flow = StaleFlow("10.96.0.10", 53, "1.1.1.1")
    assert " ".join(delete_command(flow)) == "-D -p udp --orig-port-dst 53 --orig-dst 10.96.0.10 --dst-nat 1.1.1.1"
