"""What Docker is asked to create, and what is read back from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apimachinery.errors import ApiError
from cri.docker.cgroups import parse_interfaces, read_usage
from cri.docker.container_body import container_body, resources
from cri.docker.identity import (
    container_labels,
    container_of_labels,
    inspected_container,
    nanoseconds,
    sandbox_labels,
    sandbox_of_labels,
)
from cri.docker.node import find_plug
from cri.docker.sandbox_body import NodeSettings, Plug, sandbox_body
from cri.docker.sandboxes import resolv_conf
from cri.from_config import container_record
from cri.records import Sandbox, State
from proto import cri_pb2 as pb

SETTINGS = NodeSettings("net", "node-container", "10.240.0.11", "10.96.0.0/12", "pause", {"orrery.cluster": "c"})
SANDBOX = Sandbox(id="s" * 64, name="web-0", namespace="default", uid="u1", log_directory="/logs/u1")
PLUG = Plug("br-1", 12, "10.240.0.1")


def pod(**linux: Any) -> pb.PodSandboxConfig:
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name="web-0", uid="u1", namespace="default", attempt=2),
        hostname="web-0",
        labels={"app": "web"},
        annotations={"note": "with ümlaut"},
        linux=pb.LinuxPodSandboxConfig(**linux),
    )


def body(config: pb.ContainerConfig, mounts: dict[str, str] | None = None) -> dict[str, Any]:
    record = container_record("", SANDBOX, config, "sha256:1", Path("/"))
    return container_body(config, record, SANDBOX, "node-container", mounts or {})


def with_security(**fields: Any) -> dict[str, Any]:
    linux = pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(**fields))
    return dict(body(pb.ContainerConfig(linux=linux))["HostConfig"])


# --- sandboxes


def test_sandbox_that_plugs_itself_in() -> None:
    made = sandbox_body(
        pod(sysctls={"net.core.somaxconn": "9", "kernel.shmmax": "7"}), SETTINGS, {}, "10.244.1.2", PLUG
    )
    host = made["HostConfig"]
    assert made["Hostname"] == "web-0" and "NetworkingConfig" not in made
    assert {"BRIDGE=br-1", "POD_IP=10.244.1.2", "PREFIX=12", "GATEWAY=10.240.0.1"} <= set(made["Env"])
    assert {"SERVICE_CIDR=10.96.0.0/12", "NODE_IP=10.240.0.11", "SYSCTLS=net.core.somaxconn=9"} <= set(made["Env"])
    assert (host["NetworkMode"], host["Sysctls"]) == ("host", {"kernel.shmmax": "7"})


def test_sandbox_that_the_engine_plugs_in() -> None:
    made = sandbox_body(pod(sysctls={"net.core.somaxconn": "9"}), SETTINGS, {}, "10.244.1.2", None)
    host = made["HostConfig"]
    assert (host["NetworkMode"], host["CapAdd"], host["Sysctls"]) == ("net", ["NET_ADMIN"], {"net.core.somaxconn": "9"})
    assert made["NetworkingConfig"]["EndpointsConfig"]["net"]["IPAMConfig"] == {"IPv4Address": "10.244.1.2"}


def test_sandbox_on_the_nodes_network() -> None:
    security = pb.LinuxSandboxSecurityContext(namespace_options=pb.NamespaceOption(network=pb.NamespaceMode.NODE))
    made = sandbox_body(pod(security_context=security), SETTINGS, {}, "", PLUG)
    assert made["HostConfig"]["NetworkMode"] == "container:node-container"
    assert "Hostname" not in made and "CapAdd" not in made["HostConfig"] and "Env" not in made


def test_long_hostname_is_cut() -> None:
    config = pod()
    config.hostname = "x" * 62 + "-" + "y" * 10
    assert sandbox_body(config, SETTINGS, {}, "10.244.1.2", PLUG)["Hostname"] == "x" * 62


def test_sandbox_labels_give_the_sandbox_back() -> None:
    labels = sandbox_labels(pod(), SETTINGS.owner, "10.244.1.2", "gvisor", 77)
    assert labels["io.kubernetes.pod.name"] == "web-0" and labels["orrery.cluster"] == "c"
    back = sandbox_of_labels("id", labels)
    assert (back.name, back.uid, back.attempt, back.ip, back.runtime_handler) == (
        "web-0",
        "u1",
        2,
        "10.244.1.2",
        "gvisor",
    )
    assert (back.annotations, back.labels, back.created_at) == ({"note": "with ümlaut"}, {"app": "web"}, 77)


def test_plug_of_a_network() -> None:
    ipam = {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": "10.240.0.0/12", "Gateway": "10.240.0.1"}]}
    network = {"Driver": "bridge", "Id": "0123456789abcdef", "Options": {}, "IPAM": ipam}
    assert find_plug(network) == Plug("br-0123456789ab", 12, "10.240.0.1")
    named = {**network, "Options": {"com.docker.network.bridge.name": "mine"}}
    assert find_plug(named) == Plug("mine", 12, "10.240.0.1")
    assert find_plug({**network, "Driver": "overlay"}) is None


def test_resolv_conf() -> None:
    assert resolv_conf(pb.DNSConfig()) == ""
    dns = pb.DNSConfig(servers=["10.96.0.10", "1.1.1.1"], searches=["a.b", "b"], options=["ndots:5", "edns0"])
    assert resolv_conf(dns) == "search a.b b\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:5 edns0\n"


# --- containers


def test_command_and_arguments_are_entrypoint_and_command() -> None:
    made = body(pb.ContainerConfig(command=["a"], args=["b", "c"], working_dir="/w"))
    assert (made["Entrypoint"], made["Cmd"], made["WorkingDir"]) == (["a"], ["b", "c"], "/w")
    assert not {"Entrypoint", "Cmd", "WorkingDir", "User"} & body(pb.ContainerConfig()).keys()


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"run_as_user": pb.Int64Value(value=1000)}, "1000"),
        ({"run_as_user": pb.Int64Value(value=0), "run_as_group": pb.Int64Value(value=5)}, "0:5"),
        ({"run_as_username": "www"}, "www"),
        ({"run_as_group": pb.Int64Value(value=5)}, "0:5"),
    ],
)
def test_user(fields: dict[str, Any], user: str) -> None:
    linux = pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(**fields))
    assert body(pb.ContainerConfig(linux=linux))["User"] == user


def test_mounts() -> None:
    mounts = [
        pb.Mount(container_path="/data", host_path="/host/data"),
        pb.Mount(
            container_path="/ro", host_path="/host/ro", readonly=True, propagation="PROPAGATION_HOST_TO_CONTAINER"
        ),
        pb.Mount(container_path="/etc/hosts", host_path="/host/hosts"),
        pb.Mount(container_path="/colon", host_path="/host/a:b", readonly=True),
    ]
    ours = {"/etc/resolv.conf": "/state/resolv.conf", "/etc/hosts": "/never"}
    host = body(pb.ContainerConfig(mounts=mounts), ours)["HostConfig"]
    assert host["Binds"] == [
        "/state/resolv.conf:/etc/resolv.conf:ro",
        "/host/data:/data",
        "/host/ro:/ro:ro,rslave",
        "/host/hosts:/etc/hosts",
    ]
    assert [(one["Source"], one["Target"], one["ReadOnly"]) for one in host["Mounts"]] == [
        ("/host/a:b", "/colon", True)
    ]


def test_namespaces_are_the_sandboxes() -> None:
    host = body(pb.ContainerConfig())["HostConfig"]
    joined = f"container:{SANDBOX.id}"
    assert (host["NetworkMode"], host["IpcMode"]) == (joined, joined)
    assert "PidMode" not in host


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (pb.NamespaceOption(pid=pb.NamespaceMode.POD), f"container:{SANDBOX.id}"),
        (pb.NamespaceOption(pid=pb.NamespaceMode.CONTAINER), None),
        (pb.NamespaceOption(pid=pb.NamespaceMode.NODE), "container:node-container"),
        (pb.NamespaceOption(pid=pb.NamespaceMode.TARGET, target_id="t"), "container:t"),
    ],
)
def test_process_namespace(options: pb.NamespaceOption, mode: str | None) -> None:
    assert with_security(namespace_options=options).get("PidMode") == mode


def test_security() -> None:
    capabilities = pb.Capability(add_capabilities=["CAP_NET_ADMIN", "sys_time"], drop_capabilities=["ALL"])
    host = with_security(capabilities=capabilities, no_new_privs=True, readonly_rootfs=True, supplemental_groups=[7])
    assert (host["CapAdd"], host["CapDrop"]) == (["NET_ADMIN", "SYS_TIME"], ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges", "seccomp=unconfined"]
    assert (host["ReadonlyRootfs"], host["GroupAdd"], host["Privileged"]) == (True, ["7"], False)


def test_seccomp_profiles(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"defaultAction":"SCMP_ACT_ALLOW"}')
    kinds = pb.SecurityProfile.ProfileType
    assert with_security(seccomp=pb.SecurityProfile(profile_type=kinds.RuntimeDefault))["SecurityOpt"] == []
    local = pb.SecurityProfile(profile_type=kinds.Localhost, localhost_ref=str(profile))
    assert with_security(seccomp=local)["SecurityOpt"] == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']
    local.localhost_ref = "/no/such/profile"
    with pytest.raises(ApiError, match="no/such/profile"):
        with_security(seccomp=local)


def test_resources() -> None:
    wanted = pb.LinuxContainerResources(
        cpu_shares=512, cpu_quota=50_000, cpu_period=100_000, memory_limit_in_bytes=64 << 20, oom_score_adj=-997
    )
    assert resources(wanted) == {
        "CpuShares": 512, "CpuQuota": 50_000, "CpuPeriod": 100_000, "Memory": 64 << 20, "MemorySwap": 64 << 20,
    }  # fmt: skip
    assert resources(pb.LinuxContainerResources(cpu_period=100_000)) == {}
    assert resources(pb.LinuxContainerResources(memory_limit_in_bytes=1 << 20))["Memory"] == 6 << 20
    with pytest.raises(ApiError, match="huge pages"):
        resources(pb.LinuxContainerResources(hugepage_limits=[pb.HugepageLimit(page_size="2Mi", limit=1)]))


def test_container_labels_give_the_container_back_without_its_secrets() -> None:
    config = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main", attempt=3),
        image=pb.ImageSpec(image="sha256:1", user_specified_image="nginx"),
        envs=[pb.KeyValue(key="PASSWORD", value=b"secret")],
        labels={"a": "b"},
        log_path="main/3.log",
        tty=True,
    )
    record = container_record("id", SANDBOX, config, "sha256:1", Path("/root"))
    back = container_of_labels("id", container_labels(config, record, SANDBOX, SETTINGS.owner), SANDBOX, Path("/root"))
    assert back == record
    assert (back.attempt, back.image, back.log_path, back.tty) == (3, "nginx", "/logs/u1/main/3.log", True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Status": "created", "Error": ""}, (State.CREATED, 0, "")),
        ({"Status": "created", "Error": "no such file"}, (State.EXITED, 128, "StartError")),
        ({"Status": "running"}, (State.RUNNING, 0, "")),
        ({"Status": "exited", "ExitCode": 0}, (State.EXITED, 0, "Completed")),
        ({"Status": "exited", "ExitCode": 3}, (State.EXITED, 3, "Error")),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, (State.EXITED, 137, "OOMKilled")),
    ],
)
def test_inspected_states(state: dict[str, Any], expected: tuple[State, int, str]) -> None:
    config = pb.ContainerConfig(metadata=pb.ContainerMetadata(name="main"))
    record = container_record("id", SANDBOX, config, "", Path("/"))
    times = {"StartedAt": "2026-11-20T10:38:58.5Z", "FinishedAt": "0001-01-01T00:00:00Z"}
    labels = container_labels(config, record, SANDBOX, {})
    found = inspected_container({"Id": "id", "Config": {"Labels": labels}, "State": times | state}, SANDBOX, Path("/"))
    assert (found.state, found.exit_code, found.reason) == expected


def test_nanoseconds() -> None:
    assert nanoseconds("0001-01-01T00:00:00Z") == 0
    assert nanoseconds("2026-11-20T10:38:58Z") == 1795171138 * 10**9
    assert nanoseconds("2026-11-20T10:38:58.000000007Z") == 1795171138 * 10**9 + 7


# --- statistics


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    files = {
        "memory/docker/id/memory.stat": "hierarchical_memory_limit 1000\ntotal_inactive_file 100\ntotal_rss 200\n",
        "memory/docker/id/memory.usage_in_bytes": "600\n",
        "cpuacct/docker/id/cpuacct.usage": "12345\n",
        "pids/docker/id/pids.current": "3\n",
    }
    _write(tmp_path, files)
    usage = read_usage("id", 9, tmp_path)
    assert usage is not None
    assert (usage.cpu_nano_seconds, usage.memory_working_set_bytes, usage.memory_rss_bytes) == (12345, 500, 200)
    assert (usage.memory_available_bytes, usage.process_count, usage.timestamp) == (500, 3, 9)
    assert read_usage("other", 9, tmp_path) is None


def test_control_groups_of_version_2(tmp_path: Path) -> None:
    group = "system.slice/docker-id.scope/"
    files = {"memory.stat": "anon 200\ninactive_file 100\n", "memory.max": "max\n", "memory.current": "600\n"}
    files |= {"cpu.stat": "usage_usec 12\n", "pids.current": "1\n"}
    _write(tmp_path, {group + name: text for name, text in files.items()})
    usage = read_usage("id", 9, tmp_path)
    assert usage is not None
    assert (usage.cpu_nano_seconds, usage.memory_working_set_bytes, usage.memory_rss_bytes) == (12000, 500, 200)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_interfaces() -> None:
    text = "head\nhead\n    lo: 9 9 9 0 0 0 0 0 9 9 9 0 0 0 0 0\n  eth0: 10 1 2 0 0 0 0 0 20 3 4 0 0 0 0 0\n"
    assert parse_interfaces(text) == (10, 2, 20, 4)
