"""n pods from `kubectl create` to Running, against n containers by plain `docker run` and by Docker Swarm."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.cluster import eventually
from tests.support.kubectl import Kubectl

IMAGE = "orrery/busybox:1"
LABEL = "orrery.bench=1"
TASKS = "label=com.docker.swarm.service.name=bench"
PODS = "label=orrery.cluster=bench"
PARALLEL = 8  # plain `docker run` is fastest around eight at a time on two cores
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 10000 & wait")  # ends at once when told to


def report(kubectl: Kubectl, n: int, rounds: int, *, swarm: bool) -> None:
    """Interleaved rounds, medians, ratios to plain Docker."""
    contenders: dict[str, Callable[[int], float]] = {"docker run": docker_run}
    if swarm:
        contenders["docker service create"] = swarm_service
    contenders["orrery"] = lambda count: orrery_pods(kubectl, count)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            times[name].append(measure(n))
    base = statistics.median(times["docker run"])
    print(f"\n{n} pods, create to Running (median of {rounds})")
    for name, measured in times.items():
        middle = statistics.median(measured)
        spread = f"{min(measured):.2f}-{max(measured):.2f}"
        print(f"  {name:24} {middle:6.2f} s  ({spread})  {middle / base:5.2f} x docker run")


def docker(*args: str) -> str:
    return subprocess.run(["docker", *args], capture_output=True, text=True, check=True).stdout


def docker_run(n: int) -> float:
    started = time.monotonic()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda _: docker("run", "-d", "--label", LABEL, IMAGE, *SLEEP), range(n)))
    took = time.monotonic() - started
    docker("rm", "-f", *docker("ps", "-aq", "--filter", f"label={LABEL}").split())
    return took


def swarm_service(n: int) -> float:
    """Joins a swarm of one for the measurement and leaves it again."""
    docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        started = time.monotonic()
        flags = ("--quiet", "--detach", "--no-resolve-image")  # nobody should ask a registry for the image's digest
        docker("service", "create", *flags, "--name", "bench", f"--replicas={n}", IMAGE, *SLEEP)
        eventually("all tasks running", lambda: _running_tasks() >= n, every=0.05)
        took = time.monotonic() - started
        docker("service", "rm", "bench")
        eventually("no task left", lambda: not docker("ps", "-q", "--filter", TASKS), every=0.2)
        return took
    finally:
        subprocess.run(["docker", "swarm", "leave", "--force"], capture_output=True, check=False)
        left = docker("ps", "-aq", "--filter", TASKS).split()
        subprocess.run(["docker", "rm", "-f", *left], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", "docker_gwbridge"], capture_output=True, check=False)


def _running_tasks() -> int:
    return len(docker("ps", "-q", "--filter", TASKS, "--filter", "status=running").split())


def orrery_pods(kubectl: Kubectl, n: int) -> float:
    """The clock stops when the deployment's status says that all n are ready, as `kubectl wait` sees it."""
    started = time.monotonic()
    kubectl("create", "deployment", "bench", f"--image={IMAGE}", f"--replicas={n}", "--", *SLEEP)
    kubectl("wait", f"--for=jsonpath={{.status.readyReplicas}}={n}", "deployment/bench", "--timeout=120s")
    took = time.monotonic() - started
    kubectl("delete", "deployment", "bench")
    kubectl("delete", "pods", "-l", "app=bench", "--grace-period=0", "--force", "--ignore-not-found")
    eventually("no pod left", lambda: not kubectl("get", "pods", "-o", "name").strip())
    eventually("no container left", lambda: not docker("ps", "-q", "--filter", PODS, "--filter", "name=k8s_"))
    return took
