"""The seams on a live cluster: hold one watch event, stop time, follow one trace."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from proto import debug_pb2
from tests.e2e.test_kubectl import IMAGE, deploy
from tests.support.cluster import Cluster, at_rest, eventually
from tests.support.debug import debug_of, set_clock, spans
from tests.support.kubectl import Kubectl

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.kubectl]


@pytest.fixture
def clock(cluster: Cluster) -> Iterator[None]:
    """Whatever a test does to time, it runs again afterwards."""
    yield
    set_clock(cluster, 1.0)


def test_one_watch_event_is_held_and_released(cluster: Cluster, kubectl: Kubectl) -> None:
    with debug_of(cluster, "scheduler") as debug:
        hold = debug_pb2.Rule(
            edge="watch:pods", namespace=kubectl.namespace, name="held", action=debug_pb2.Rule.HOLD, count=1
        )
        rule = debug.AddRule(hold)
        try:
            kubectl("run", "held", f"--image={IMAGE}", "--command", "--", "sleep", "1000")
            held = eventually("a held event", lambda: debug.ListHeld(debug_pb2.ListHeldRequest()).held)
            assert [(one.kind, one.name) for one in held] == [("Pod", "held")]
            assert "nodeName" not in kubectl.json("get", "pod", "held")["spec"]
            debug.Release(debug_pb2.ReleaseRequest(ids=[held[0].id]))
        finally:
            debug.DeleteRule(debug_pb2.RuleRef(id=rule.id))
            debug.Release(debug_pb2.ReleaseRequest())
    kubectl("wait", "--for=condition=Ready", "pod/held", "--timeout=60s")
    kubectl("delete", "pod", "held", "--grace-period=1")


def ready(kubectl: Kubectl, node: str) -> str:
    conditions = kubectl.json("get", "node", node)["status"]["conditions"]
    return str(next(one["status"] for one in conditions if one["type"] == "Ready"))


def leases(kubectl: Kubectl) -> dict[str, str]:
    found = kubectl.json("get", "leases", "--all-namespaces")["items"]
    return {one["metadata"]["name"]: one["spec"]["renewTime"] for one in found}


def test_no_lease_expires_while_the_clock_stands(cluster: Cluster, kubectl: Kubectl, clock: None) -> None:
    set_clock(cluster, 0.0)
    frozen = cluster.pid("kubelet-worker-2")
    os.kill(frozen, signal.SIGSTOP)
    try:
        before = at_rest(lambda: leases(kubectl))  # a renewal may have been on its way as the clock stopped
        kubectl("create", "configmap", "life-goes-on")
        kubectl("run", "meanwhile", f"--image={IMAGE}", '--overrides={"spec":{"nodeName":"worker-1"}}',
                "--command", "--", "sleep", "1000")  # fmt: skip
        kubectl("wait", "--for=condition=Ready", "pod/meanwhile", "--timeout=60s")
        assert leases(kubectl) == before
        assert ready(kubectl, "worker-2") == "True"
        set_clock(cluster_without(cluster, "kubelet-worker-2"), 20.0)
        eventually("NotReady once time runs", lambda: ready(kubectl, "worker-2") == "Unknown")
    finally:
        os.kill(frozen, signal.SIGCONT)
        set_clock(cluster, 1.0)
    eventually("Ready again", lambda: ready(kubectl, "worker-2") == "True")
    eventually("the other Ready still, or again", lambda: ready(kubectl, "worker-1") == "True")
    kubectl("delete", "pod", "meanwhile", "--grace-period=1")


def cluster_without(cluster: Cluster, component: str) -> Cluster:
    """The cluster as seen without one process, which cannot answer."""

    class Without(Cluster):
        def processes(self) -> dict[str, dict[str, object]]:
            return {name: one for name, one in super().processes().items() if name != component}

    return Without(cluster.name, cluster.home)


def test_one_trace_from_create_to_the_started_container(cluster: Cluster, kubectl: Kubectl) -> None:
    deploy(kubectl, "traced", replicas=1)
    pod = kubectl.json("get", "pods", "-l", "app=traced")["items"][0]
    node = pod["spec"]["nodeName"]
    starts = [
        span for span in spans(cluster) if span.component == f"runtime-{node}" and span.name.endswith("/StartContainer")
    ]
    traces = {span.trace_id for span in starts}
    (trace_id,) = {
        span.trace_id
        for span in spans(cluster)
        if span.component == "apiserver" and span.trace_id in traces and created_deployment(span, kubectl.namespace)
    }
    seen = [(span.component, span.name) for span in spans(cluster, trace_id)]
    components = {component for component, _ in seen}
    assert {"apiserver", "controller-manager", "scheduler", f"kubelet-{node}", f"runtime-{node}"} <= components, seen


def created_deployment(span: debug_pb2.Span, namespace: str) -> bool:
    return span.name == "create deployments" and f"/namespaces/{namespace}/" in span.attributes.get("path", "")
