"""Environment, downward API, resolv.conf, hosts, resources: what a container is given."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.container import Container, ResourceFieldSelector
from api.service import Service
from kubelet.dns_config import Resolver, parse_resolv_conf, pod_resolver
from kubelet.downward import NodeFacts, UnknownField, field_value, resource_value
from kubelet.env import ConfigError, EnvInputs, environment, needed_objects
from kubelet.expansion import expand
from kubelet.hosts import hosts_file, sandbox_hostname
from kubelet.objects import ObjectRef
from kubelet.resources import linux_resources
from kubelet.service_env import service_variables
from tests.unit.kubelet_harness import make_pod

NODE = NodeFacts("n1", "10.240.0.11", "4", "8Gi")
CONFIG, SECRET = ObjectRef("ConfigMap", "c"), ObjectRef("Secret", "s")
OBJECTS = {CONFIG: {"k": b"v", "other": b"o"}, SECRET: {"p": b"hush"}}


def given(**more: Any) -> EnvInputs:
    return EnvInputs(**{"node": NODE, "pod_ips": ("10.244.1.2",), "objects": OBJECTS, **more})


def env(container: dict[str, Any], inputs: EnvInputs | None = None) -> dict[str, str]:
    pod = make_pod({"containers": [{"name": "a", **container}], "serviceAccountName": "sa"}, labels={"app": "x"})
    return environment(pod, pod.spec.containers[0], inputs or given())


def ref(kind: str, key: str, name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {kind: {"name": name, "key": key, **more}}}


def field(path: str) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"env": [{"name": "X", "value": "1"}]}, {"X": "1"}),
        ({"env": [{"name": "A", "value": "1"}, {"name": "X", "value": "$(A)2"}]}, {"A": "1", "X": "12"}),
        ({"env": [{"name": "X", "value": "$(B)"}, {"name": "B", "value": "1"}]}, {"X": "$(B)", "B": "1"}),
        ({"env": [{"name": "X", "value": "$$(A)"}]}, {"X": "$(A)"}),
        ({"env": [ref("configMapKeyRef", "k")]}, {"X": "v"}),
        ({"env": [ref("secretKeyRef", "p", "s")]}, {"X": "hush"}),
        ({"env": [ref("configMapKeyRef", "none", optional=True)]}, {}),
        ({"env": [ref("configMapKeyRef", "k", "none", optional=True)]}, {}),
        ({"envFrom": [{"configMapRef": {"name": "c"}, "prefix": "P_"}]}, {"P_k": "v", "P_other": "o"}),
        ({"envFrom": [{"secretRef": {"name": "none", "optional": True}}]}, {}),
        (
            {"envFrom": [{"configMapRef": {"name": "c"}}], "env": [{"name": "k", "value": "w"}]},
            {"k": "w", "other": "o"},
        ),
        ({"env": [field("metadata.name")]}, {"X": "web"}),
        ({"env": [field("metadata.labels['app']")]}, {"X": "x"}),
        ({"env": [field("status.podIP")]}, {"X": "10.244.1.2"}),
        ({"env": [field("spec.nodeName")]}, {"X": "n1"}),
        ({"env": [field("spec.serviceAccountName")]}, {"X": "sa"}),
    ],
)
def test_environment(container: dict[str, Any], expected: dict[str, str]) -> None:
    assert env(container) == expected


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"env": [ref("configMapKeyRef", "k", "none")]}, 'configmap "none" not found'),
        ({"env": [ref("secretKeyRef", "k", "none")]}, 'secret "none" not found'),
        ({"env": [ref("configMapKeyRef", "none")]}, "couldn't find key none in ConfigMap default/c"),
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
        ({"env": [field("spec.nothing")]}, "unsupported fieldPath: spec.nothing"),
    ],
)
def test_what_cannot_be_made(container: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        env(container)


def test_needed_objects() -> None:
    spec = {"envFrom": [{"secretRef": {"name": "s"}}], "env": [ref("configMapKeyRef", "k")]}
    assert list(needed_objects(msgspec.convert({"name": "a", **spec}, Container))) == [SECRET, CONFIG]


def test_expand_leaves_what_it_does_not_know() -> None:
    assert expand("$(A) $(B) $C $$ $(", {"A": "1"}) == "1 $(B) $C $ $("


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
        ({"resource": "limits.memory"}, str(8 << 30)),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "8192"),
        ({"resource": "requests.memory"}, "0"),
    ],
)
def test_resource_fields(selector: dict[str, str], text: str) -> None:
    resources = {"limits": {"cpu": "1500m"}, "requests": {"cpu": "250m"}}
    pod = make_pod({"containers": [{"name": "a", "resources": resources}]})
    found = resource_value(pod, msgspec.convert(selector, ResourceFieldSelector), pod.spec.containers[0], NODE)
    assert found == text


def test_maps_are_written_sorted_and_quoted() -> None:
    pod = make_pod({"containers": []}, annotations={"b": 'say "x"\n', "a": "1"})
    assert field_value(pod, "metadata.annotations", NODE, ()) == 'a="1"\nb="say \\"x\\"\\n"'
    with pytest.raises(UnknownField):
        field_value(pod, "metadata.finalizers", NODE, ())


def service(name: str, namespace: str, ip: str, *ports: dict[str, Any]) -> Service:
    tree = {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": list(ports)}}
    return msgspec.convert(tree, Service)


SERVICES = [
    service("kubernetes", "default", "10.96.0.1", {"name": "https", "port": 443}),
    service(
        "my-db", "shop", "10.96.0.7", {"name": "sql", "port": 5432}, {"name": "dns", "port": 53, "protocol": "UDP"}
    ),
    service("headless", "shop", "None", {"port": 80}),
    service("other", "else", "10.96.0.9", {"port": 80}),
]


def test_service_variables() -> None:
    found = service_variables(SERVICES, "shop", links=True)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1" and found["KUBERNETES_SERVICE_PORT_HTTPS"] == "443"
    assert found["MY_DB_SERVICE_HOST"] == "10.96.0.7" and found["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert found["MY_DB_PORT"] == found["MY_DB_PORT_5432_TCP"] == "tcp://10.96.0.7:5432"
    assert found["MY_DB_PORT_53_UDP_PROTO"] == "udp" and found["MY_DB_PORT_53_UDP_ADDR"] == "10.96.0.7"
    assert not any(name.startswith(("HEADLESS", "OTHER")) for name in found)
    assert not any(name.startswith("MY_DB") for name in service_variables(SERVICES, "shop", links=False))


NODE_DNS = parse_resolv_conf("# comment\nnameserver 8.8.8.8\nsearch corp.example\noptions timeout:1\n")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {},
            Resolver(
                ("10.96.0.10",),
                ("default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"),
                ("ndots:5",),
            ),
        ),
        ({"dnsPolicy": "Default"}, NODE_DNS),
        ({"hostNetwork": True}, NODE_DNS),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"]}}, Resolver(("1.1.1.1",))),
    ],
)
def test_resolver(spec: dict[str, Any], expected: Resolver) -> None:
    assert pod_resolver(make_pod({"containers": [], **spec}), ("10.96.0.10",), "cluster.local", NODE_DNS) == expected


def test_dns_config_adds_and_overrides() -> None:
    config = {"searches": ["x.y"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}
    pod = make_pod({"containers": [], "dnsConfig": config})
    found = pod_resolver(pod, ("10.96.0.10",), "cluster.local", NODE_DNS)
    assert found.searches[-1] == "x.y" and found.options == ("ndots:2", "edns0")


def test_hosts_file() -> None:
    aliases = [{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}]
    pod = make_pod({"containers": [], "hostname": "h", "subdomain": "sub", "hostAliases": aliases})
    text = hosts_file(pod, ("10.244.1.2",), "cluster.local")
    assert "10.244.1.2\th.sub.default.svc.cluster.local\th\n" in text
    assert text.endswith("# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n")
    assert sandbox_hostname(pod, "cluster.local", "n1") == "h"
    assert sandbox_hostname(make_pod({"containers": [], "hostNetwork": True}), "cluster.local", "n1") == "n1"


@pytest.mark.parametrize(
    ("resources", "shares", "quota", "memory", "oom"),
    [
        ({}, 2, 0, 0, 1000),
        ({"requests": {"cpu": "500m"}}, 512, 0, 0, 999),
        ({"limits": {"cpu": "2", "memory": "1Gi"}}, 2048, 200_000, 1 << 30, -997),
        ({"requests": {"memory": "2Gi"}}, 2, 0, 0, 750),
        ({"limits": {"cpu": "1m"}}, 2, 1000, 0, 999),
    ],
)
def test_linux_resources(resources: dict[str, Any], shares: int, quota: int, memory: int, oom: int) -> None:
    pod = make_pod({"containers": [{"name": "a", "resources": resources}]})
    found = linux_resources(pod, pod.spec.containers[0], 8 << 30)
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit_in_bytes, found.oom_score_adj) == (
        shares,
        quota,
        memory,
        oom,
    )
