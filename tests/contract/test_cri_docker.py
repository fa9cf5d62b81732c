"""What only real containers can show: namespaces, limits, recovery, and an engine that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from proto import cri_pb2 as pb
from tests.contract.cri_docker import CLUSTER, build_images, docker, docker_runtime, needs_docker, remove_everything
from tests.contract.cri_harness import PATIENCE_SECONDS, Cri
from tests.contract.engine_proxy import engine_proxy

pytestmark = [pytest.mark.docker, needs_docker]


@pytest.fixture(scope="module", autouse=True)
def engine() -> Iterator[None]:
    build_images()
    yield
    remove_everything()


@pytest_asyncio.fixture
async def cri(tmp_path: Path) -> AsyncIterator[Cri]:
    async with docker_runtime(tmp_path) as runtime:
        yield runtime


async def output(cri: Cri, container: str, *argv: str) -> str:
    response = await cri.runtime.ExecSync(pb.ExecSyncRequest(container_id=container, cmd=argv))
    assert response.exit_code == 0, response.stderr
    return str(response.stdout.decode()).strip()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


def security(**fields: Any) -> pb.LinuxContainerConfig:
    return pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(**fields))


# --- namespaces


@pytest.mark.parametrize("pod_network", ["plug", "engine"])
async def test_pod_has_its_name_its_address_and_the_route_to_services(tmp_path: Path, pod_network: str) -> None:
    async with docker_runtime(tmp_path, pod_network=pod_network) as cri:
        pod = cri.pod("web-0")
        sandbox = await cri.run_pod(pod)
        container = await cri.create(sandbox, pod, "sleep", "infinity")
        await cri.start(container)
        ip = (await cri.sandbox_status(sandbox)).network.ip
        assert await output(cri, container, "hostname") == "web-0"
        assert f"inet {ip}/16" in await output(cri, container, "ip", "addr", "show", "eth0")
        routes = await output(cri, container, "ip", "route")
        assert "10.96.0.0/12 via 10.120.0.11" in routes and "default via 10.120.0.1" in routes
        await output(cri, container, "ping", "-c1", "-W2", "10.120.0.11")


async def test_pods_reach_each_other_without_translation(cri: Cri) -> None:
    server, one, _ = await cri.run("sh", "-c", "nc -l -p 80 -e cat")
    _, other, _ = await cri.run()
    ip = (await cri.sandbox_status(server)).network.ip
    await output(cri, other, "sh", "-c", f"until echo hi | nc -w1 {ip} 80; do sleep 0.1; done")
    assert one != other


async def test_containers_of_a_pod_share_network_and_ipc_but_not_processes(cri: Cri) -> None:
    sandbox, one, pod = await cri.run(name="one")
    other = await cri.create(sandbox, pod, "sleep", "infinity", name="other")
    await cri.start(other)

    async def namespace(container: str, kind: str) -> str:
        return await output(cri, container, "readlink", f"/proc/self/ns/{kind}")

    assert await namespace(one, "net") == await namespace(other, "net")
    assert await namespace(one, "ipc") == await namespace(other, "ipc")
    assert await namespace(one, "pid") != await namespace(other, "pid")


async def test_pod_may_share_its_processes(cri: Cri) -> None:
    pod = cri.pod()
    sandbox = await cri.run_pod(pod)
    shared = security(namespace_options=pb.NamespaceOption(pid=pb.NamespaceMode.POD))
    container = await cri.create(sandbox, pod, "sleep", "infinity", linux=shared)
    await cri.start(container)
    assert "/pause" in await output(cri, container, "ps")


async def test_host_network_is_the_nodes(cri: Cri) -> None:
    pod = cri.pod("on-node")
    pod.linux.security_context.namespace_options.network = pb.NamespaceMode.NODE
    sandbox = await cri.run_pod(pod)
    container = await cri.create(sandbox, pod, "sleep", "infinity")
    await cri.start(container)
    assert (await cri.sandbox_status(sandbox)).network.ip == "10.120.0.11"
    assert "inet 10.120.0.11/16" in await output(cri, container, "ip", "addr", "show", "eth0")
    assert await output(cri, container, "hostname") == "node-1"


async def test_resolver_and_sysctls_are_the_pods(cri: Cri) -> None:
    pod = cri.pod()
    pod.dns_config.CopyFrom(
        pb.DNSConfig(
            servers=["10.96.0.10"], searches=["default.svc.cluster.local", "svc.cluster.local"], options=["ndots:5"]
        )
    )
    pod.linux.sysctls["net.core.somaxconn"] = "321"
    sandbox = await cri.run_pod(pod)
    container = await cri.create(sandbox, pod, "sleep", "infinity")
    await cri.start(container)
    assert (await output(cri, container, "cat", "/etc/resolv.conf")).splitlines() == [
        "search default.svc.cluster.local svc.cluster.local",
        "nameserver 10.96.0.10",
        "options ndots:5",
    ]
    assert await output(cri, container, "cat", "/proc/sys/net/core/somaxconn") == "321"


async def test_host_port_leads_to_the_pod_and_goes_with_it(cri: Cri) -> None:
    pod = cri.pod("server")
    pod.port_mappings.append(pb.PortMapping(container_port=8080, host_port=30080))
    sandbox = await cri.run_pod(pod)
    script = "echo found >/tmp/page; exec httpd -f -p 8080 -h /tmp"
    await cri.start(await cri.create(sandbox, pod, "sh", "-c", script))
    _, client, _ = await cri.run()
    fetch = "until wget -q -O- -T 1 http://10.120.0.11:30080/page; do sleep 0.1; done"
    assert await output(cri, client, "timeout", "10", "sh", "-c", fetch) == "found"
    await cri.forget(sandbox)
    request = pb.ExecSyncRequest(container_id=client, cmd=["wget", "-q", "-O-", "-T", "1", "http://10.120.0.11:30080/"])
    assert (await cri.runtime.ExecSync(request)).exit_code != 0


async def test_netns_file_names_the_nodes_namespace_and_follows_it(cri: Cri, tmp_path: Path) -> None:
    file = tmp_path / "state" / "netns"
    before = file.read_text()
    assert Path(before.strip()).exists()
    docker("rm", "-f", f"orrery-{CLUSTER}-node-1")
    await until(lambda: file.read_text() != before)
    assert Path(file.read_text().strip()).exists()


# --- what a container gets


async def test_environment_arguments_user_and_mounts(cri: Cri, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    mounted.chmod(0o777)
    (mounted / "file").write_text("mounted\n")
    _, container, _ = await cri.run(
        "sh",
        args=["-c", 'echo "$GREETING $(id -u):$(id -g) $PWD"; cat /mnt/file; touch /mnt/x || echo read-only'],
        envs=[pb.KeyValue(key="GREETING", value=b"hello")],
        working_dir="/tmp",
        mounts=[pb.Mount(container_path="/mnt", host_path=str(mounted), readonly=True)],
        linux=security(run_as_user=pb.Int64Value(value=1000), run_as_group=pb.Int64Value(value=3000)),
    )
    await cri.ended(container)
    lines = [line for line in await cri.log_lines(container) if not line.startswith("touch:")]
    assert lines == ["hello 1000:3000 /tmp", "mounted", "read-only"]


async def test_capabilities_and_new_privileges(cri: Cri) -> None:
    dropped = pb.Capability(drop_capabilities=["ALL"], add_capabilities=["NET_BIND_SERVICE"])
    _, container, _ = await cri.run(linux=security(capabilities=dropped, no_new_privs=True, readonly_rootfs=True))
    status = await output(cri, container, "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000400" in status and "NoNewPrivs:\t1" in status
    refused = await cri.runtime.ExecSync(pb.ExecSyncRequest(container_id=container, cmd=["touch", "/x"]))
    assert refused.exit_code != 0 and b"Read-only" in refused.stderr


async def test_out_of_memory_is_told(cri: Cri) -> None:
    resources = pb.LinuxContainerResources(memory_limit_in_bytes=16 << 20)
    _, container, _ = await cri.run(
        "sh", "-c", "head -c 100m /dev/zero | tail", linux=pb.LinuxContainerConfig(resources=resources)
    )
    status = await cri.ended(container)
    assert (status.exit_code, status.reason) == (137, "OOMKilled")


async def test_command_that_is_not_there(cri: Cri) -> None:
    pod = cri.pod()
    sandbox = await cri.run_pod(pod)
    container = await cri.create(sandbox, pod, "/no/such/program")
    with pytest.raises(grpc.aio.AioRpcError, match="no such file"):
        await cri.start(container)
    status = await cri.status(container)
    assert (status.state, status.exit_code, status.reason) == (pb.ContainerState.CONTAINER_EXITED, 128, "StartError")
    assert "/no/such/program" in status.message


async def test_grace_is_given_and_then_ended(cri: Cri) -> None:
    trap = "trap 'echo asked; exit 9' TERM; echo up; while :; do sleep 0.1; done"
    _, polite, _ = await cri.run("sh", "-c", trap)
    await until(lambda: Path(log_of(cri, polite)).exists())
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id=polite, timeout=20))
    assert (await cri.status(polite)).exit_code == 9
    assert await cri.log_lines(polite) == ["up", "asked"]
    _, deaf, _ = await cri.run("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    await until(lambda: Path(log_of(cri, deaf)).exists())
    await cri.runtime.StopContainer(pb.StopContainerRequest(container_id=deaf, timeout=1))
    assert (await cri.status(deaf)).exit_code == 137


def log_of(cri: Cri, container: str) -> str:
    return cri.backend.store.containers[container].log_path


# --- streams


async def test_terminal_has_a_size_and_no_second_stream(cri: Cri) -> None:
    _, container, _ = await cri.run()
    request = pb.ExecRequest(container_id=container, cmd=["sh"], tty=True, stdin=True, stdout=True)
    received = await cri.stream((await cri.runtime.Exec(request)).url, b"tty; exit 4\n")
    assert b"/dev/pts/" in received[1]
    assert json.loads(received[3])["details"]["causes"][0]["message"] == "4"


async def test_attach_speaks_to_the_first_process(cri: Cri) -> None:
    _, container, _ = await cri.run("cat", stdin=True, stdin_once=True)
    request = pb.AttachRequest(container_id=container, stdin=True, stdout=True)
    received = await cri.stream((await cri.runtime.Attach(request)).url, b"to the first process\n")
    assert received[1] == b"to the first process\n"
    assert (await cri.ended(container)).exit_code == 0


async def test_port_forward_reaches_the_loopback_interface(cri: Cri) -> None:
    sandbox, container, _ = await cri.run("sh", "-c", "echo found >/tmp/page; httpd -f -p 127.0.0.1:8080 -h /tmp")
    await output(cri, container, "sh", "-c", "until netstat -ltn | grep -q 8080; do sleep 0.05; done")
    request = pb.PortForwardRequest(pod_sandbox_id=sandbox, port=[8080])
    received = await cri.stream((await cri.runtime.PortForward(request)).url, b"GET /page HTTP/1.0\r\n\r\n")
    assert received[0].startswith(b"HTTP/1.") and received[0].endswith(b"found\n")


# --- logs


async def test_standard_error_and_long_lines(cri: Cri) -> None:
    script = "echo wrong >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; printf no-newline"
    _, container, _ = await cri.run("sh", "-c", script)
    status = await cri.ended(container)
    records = [line.split(" ", 3)[1:] for line in Path(status.log_path).read_text().splitlines()]
    assert ["stderr", "F", "wrong"] in records
    long = [(tag, len(text)) for stream, tag, text in records if text.startswith("x")]
    assert [tag for tag, _ in long] == ["P", "P", "F"] and sum(length for _, length in long) == 40000
    assert records[-1] == ["stdout", "F", "no-newline"]


# --- recovery


async def test_restarted_runtime_finds_everything_and_loses_no_line(tmp_path: Path) -> None:
    count = 400
    script = f"i=0; while [ $i -lt {count} ]; do echo $i; i=$((i+1)); [ $((i % 10)) = 0 ] && sleep 0.02; done"
    async with docker_runtime(tmp_path) as cri:
        sandbox, container, _ = await cri.run("sh", "-c", script)
        before, sandbox_before = await cri.status(container), await cri.sandbox_status(sandbox)
        await until(lambda: Path(before.log_path).exists() and Path(before.log_path).stat().st_size > 500)
    async with docker_runtime(tmp_path) as cri:
        assert await cri.sandbox_status(sandbox) == sandbox_before
        after = await cri.ended(container)
        assert after.exit_code == 0
        assert (after.metadata, after.labels, after.image.image) == (before.metadata, before.labels, before.image.image)
        assert await cri.log_lines(container) == [str(number) for number in range(count)]
        other = await cri.sandbox_status(await cri.run_pod(cri.pod()))
        assert other.network.ip != sandbox_before.network.ip


async def test_engine_that_goes_away_and_returns(tmp_path: Path) -> None:
    async with engine_proxy(tmp_path) as proxy, docker_runtime(tmp_path, docker_host=proxy.address) as cri:
        sandbox, dying, pod = await cri.run("sh", "-c", "echo before; sleep 0.4; echo during; exit 6", name="dying")
        lasting = await cri.create(sandbox, pod, "sleep", "infinity", name="lasting")
        await cri.start(lasting)
        await proxy.cut()
        await until(lambda: not cri.backend.conditions()[0].ok)
        status = (await cri.runtime.Status(pb.StatusRequest())).status.conditions
        assert [one.status for one in status] == [False, False]
        assert status[0].message.startswith("docker engine does not answer")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await cri.runtime.ListContainers(pb.ListContainersRequest())
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(docker, "wait", dying)
        await proxy.restore()
        await until(lambda: cri.backend.conditions()[0].ok)
        assert (await cri.ended(dying)).exit_code == 6
        await until(lambda: "during" in Path(log_of(cri, dying)).read_text())
        assert await cri.log_lines(dying) == ["before", "during"]
        assert (await cri.status(lasting)).state == pb.ContainerState.CONTAINER_RUNNING
        docker("rm", "-f", lasting)
        await until(lambda: lasting not in cri.backend.store.containers)


async def test_what_others_do_to_containers_is_noticed(cri: Cri) -> None:
    sandbox, container, _ = await cri.run()
    docker("kill", container)
    assert (await cri.ended(container)).exit_code == 137
    docker("rm", "-f", sandbox)
    await until(lambda: sandbox not in cri.backend.store.sandboxes)
