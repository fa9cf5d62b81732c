"""Every kind of check as a table: facts, evidence, verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cli.lab.broken.table import Broken, drawn
from cli.lab.evidence import JSON, Counter, Trial, Write
from cli.lab.fields import MISSING, at, failing, parse
from cli.lab.kinds.table import KINDS

POD: JSON = {
    "metadata": {"name": "web", "resourceVersion": "7", "labels": {"app.kubernetes.io/name": "web"}},
    "spec": {
        "nodeName": "worker-2",
        "containers": [{"name": "a", "image": "x"}],
        "tolerations": [{"key": "a/b", "s": 300}],
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}  # fmt: skip
EVENT: JSON = {
    "metadata": {"name": "e"}, "reason": "Killing", "involvedObject": {"kind": "Pod", "name": "web"},
    "source": {"component": "kubelet"}, "reportingComponent": "",
}  # fmt: skip
HISTORY = [
    Write(5, 1, "kubernetes-admin", {"spec": {}, "status": {"podIP": "10.0.0.1"}}),
    Write(6, 2, "system:kube-scheduler", {"spec": {"nodeName": "worker-2"}, "status": {"podIP": "10.0.0.2"}}),
    Write(9, 0),
]


SANDBOX: JSON = {"id": "ab" * 32, "metadata": {"name": "by-hand"}, "state": "SANDBOX_READY", "labels": {"x": "y"}}
CONTAINER: JSON = {"id": "c", "metadata": {"name": "main"}, "state": "CONTAINER_CREATED", "sandbox": SANDBOX}


class FakeNodes:
    """One node, worker-1, with a sandbox and a container in it."""

    def cri(self, node: str, method: str) -> list[JSON]:
        found = {"ListPodSandbox": [SANDBOX], "ListContainers": [CONTAINER]}[method]
        return found if node == "worker-1" else []

    def inside(self, node: str, pod: str, container: str, command: list[str]) -> str:
        return "net:[4026533086]" if pod == "inside" else ""

    def engine(self, pod: str) -> JSON:
        return {"State": {"Pid": 4711}} if pod == "inside" else {}


@dataclass
class FakeRiddle:
    """The runtime of worker-1 fails."""

    still: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    broken: Broken = field(default_factory=lambda: drawn(8, ["worker-1", "worker-2"]))

    def in_force(self) -> list[str]:
        return self.still

    def restarted(self) -> list[str]:
        return self.again


@dataclass
class FakeEvidence:
    """What a cluster and a student left behind."""

    given: JSON = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    hidden: FakeRiddle = field(default_factory=FakeRiddle)

    def object(self, name: str) -> JSON | None:
        return POD if name == "pod/web" else None

    def objects(self, resource: str, selector: str) -> list[JSON]:
        return {"pods": [POD, POD], "events": [EVENT]}.get(resource, []) if selector != "app=none" else []

    def answers(self) -> JSON:
        return self.given

    def history(self, name: str) -> list[Write]:
        return HISTORY if name in ("pod/web", "pods/web") else []

    def counters(self) -> list[Counter]:
        return [
            Counter("scheduler", "schedule:bind", {"held": 2, "passed": 5}),
            Counter("kubelet-worker-1", "watch:pods", {"held": 1, "passed": 9}),
        ]

    def hops(self, name: str) -> list[str]:
        return ["apiserver create pods", "scheduler schedule", "kubelet-worker-1 sync pod"] if name == "pod/web" else []

    def unusual(self) -> list[str]:
        return self.strange

    def snapshot(self, file: str) -> JSON | None:
        return {"revision": 3, "totalKey": 9} if file == "good.db" else None

    def restarts(self, component: str) -> int:
        return 2 if component == "etcd" else 0

    def trial(self, program: str) -> Trial:
        if program == "stopped.py":
            return Trial("namespace t", {"made": 1}, "it ended with code 1")
        return Trial("namespace t", {"made": 1, "follows": True})

    def nodes(self) -> FakeNodes:
        return FakeNodes()

    def riddle(self) -> FakeRiddle:
        return self.hidden


RUNNING = {"path": "status.phase", "equals": "running"}
BOUND = {"path": "object.spec.nodeName", "exists": True}
PENDING = {"path": "status.phase", "equals": "Pending"}
MADE = {"path": "made", "equals": 1}
FOLLOWS = {"path": "follows", "equals": True}
NAMED = {"path": "sandbox.metadata.name", "equals": "by-hand"}
STARTED = {"path": "state", "equals": "CONTAINER_RUNNING"}
TABLE: list[tuple[str, dict[str, Any], str]] = [
    ("object", {"object": "pod/web"}, ""),
    ("object", {"object": "pod/web", "where": [RUNNING]}, ""),
    ("object", {"object": "pod/web", "where": [PENDING]}, "status.phase is 'Running'; expected: is 'Pending'"),
    ("object", {"object": "pod/no"}, "there is no pod/no"),
    ("object", {"object": "pod/no", "absent": True}, ""),
    ("object", {"object": "pod/web", "absent": True}, "pod/web is still there"),
    ("count", {"resource": "pods", "where": [RUNNING], "min": 2, "max": 2}, ""),
    ("count", {"resource": "pods", "where": [PENDING]}, "0 pods, where at least 1"),
    ("count", {"resource": "pods", "max": 1}, "2 pods, where at most 1"),
    ("count", {"resource": "pods", "selector": "app=none", "max": 0}, ""),
    ("cri", {"node": "worker-1", "method": "ListPodSandbox", "where": [{"path": "labels.x", "equals": "y"}]}, ""),
    ("cri", {"node": "worker-2", "method": "ListPodSandbox"}, "0 such sandboxes on worker-2, where at least 1"),
    ("cri", {"node": "worker-1", "method": "ListContainers", "where": [NAMED]}, ""),
    ("cri", {"node": "worker-1", "method": "ListContainers", "where": [STARTED]}, "0 such containers on worker-1"),
    ("event", {"reason": "Kill*", "of": "pod/w*"}, ""),
    ("event", {"reason": "Killing", "of": "pod/x"}, "0 Events Killing of pod/x"),
    ("event", {"reason": "Killing", "max": 0}, "1 Events Killing of *, where at most 0"),
    ("etcd", {"key": "pod/web", "where": [BOUND, {"path": "writer", "like": "*scheduler"}]}, ""),
    ("etcd", {"key": "pod/web", "where": [{"path": "number", "equals": 0}], "max": 0}, "1 such writes"),
    ("etcd", {"key": "pod/web", "where": [BOUND], "min": 2}, "1 such writes"),
    ("etcd", {"key": "pod/no"}, "0 such writes of pod/no"),
    ("trace", {"object": "pod/web", "hops": ["apiserver *", "kubelet-* sync*"]}, ""),
    ("trace", {"object": "pod/web", "hops": ["kubelet-*", "apiserver *"]}, "no hop like 'apiserver *'"),
    ("trace", {"object": "pod/no", "hops": ["apiserver *"]}, "no hop like"),
    ("gate", {"edge": "schedule:*", "count": "held", "min": 2}, ""),
    ("gate", {"edge": "*", "count": "held", "component": "kubelet-*", "min": 2}, "1 messages held at * of kubelet-*"),
    ("gate", {"edge": "*", "count": "dropped"}, "0 messages dropped"),
    ("restarted", {"component": "etcd"}, ""),
    ("restarted", {"component": "scheduler"}, "0 restarts of scheduler"),
    ("snapshot", {"file": "good.db"}, ""),
    ("snapshot", {"file": "bad.db"}, "no etcd snapshot bad.db"),
    ("event", {"reason": "Killing", "by": "kube*"}, ""),
    ("event", {"reason": "Killing", "by": "me"}, "0 Events Killing of * by me, where at least 1"),
    ("spread", {"resource": "pods", "path": "spec.nodeName", "max": 2}, ""),
    ("spread", {"resource": "pods", "path": "spec.nodeName", "max": 1}, "2 pods with spec.nodeName worker-2, where at"),
    ("spread", {"resource": "pods", "path": "spec.other", "max": 1}, "no pods with spec.other"),
    ("histories", {"resource": "pods", "where": [{"path": "number", "equals": 1}], "min": 2}, ""),
    ("histories", {"resource": "pods", "where": [{"path": "writer", "equals": "me"}]}, "0 such writes of pods"),
    ("histories", {"resource": "pods", "selector": "app=none"}, "0 such writes of pods"),
    ("trial", {"program": "a.py", "where": [MADE, FOLLOWS]}, ""),
    ("trial", {"program": "a.py", "where": [{"path": "made", "equals": 2}]}, "made is 1; expected: is 2"),
    ("trial", {"program": "stopped.py", "where": [MADE]}, ""),
    ("trial", {"program": "stopped.py", "where": [MADE, FOLLOWS]}, "it ended with code 1"),
    ("tidy", {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "facts", "missing"), TABLE)
def test_a_check_is_met_or_says_what_is_missing(kind: str, facts: dict[str, Any], missing: str) -> None:
    assert facts.keys() <= KINDS[kind].takes
    assert KINDS[kind].needs <= facts.keys()
    verdict = KINDS[kind].judge(facts, FakeEvidence())
    assert verdict.looked
    assert missing in verdict.missing
    assert verdict.met == (not missing)


ANSWERS: list[tuple[dict[str, Any], Any, str]] = [
    ({"value": "Pending"}, " pending ", ""),
    ({"value": 410}, "410", ""),
    ({"value": 410}, 404, "404 is not the answer to q"),
    ({"value": 0}, 0, ""),
    ({"value": 410}, None, "q is not answered yet"),
    ({"value": 410}, "  ", "q is not answered yet"),
    ({"any_of": ["level", "level-triggered"]}, "Level-Triggered", ""),
    ({"any_of": ["level"]}, "edge", "'edge' is not the answer"),
    ({"field": {"object": "pod/web", "path": "spec.nodeName"}}, "worker-2", ""),
    ({"field": {"object": "pod/web", "path": "spec.nodeName"}}, "worker-1", "is not the answer"),
    ({"field": {"object": "pod/no", "path": "spec.nodeName"}}, "worker-1", "is not in the cluster"),
    ({"write": {"key": "pod/web", "number": 2}}, 6, ""),
    ({"write": {"key": "pod/web", "writer": "kubernetes-admin"}}, "5", ""),
    ({"write": {"key": "pod/web", "number": 2}}, 9, "is not the answer"),
    ({"write": {"key": "pod/no", "number": 1}}, 9, "is not in the cluster"),
    ({"past": {"key": "pod/web", "path": "status.podIP"}}, "10.0.0.2", ""),
    ({"past": {"key": "pod/web", "path": "status.podIP"}}, "10.0.0.1", "is not the answer"),
    ({"newest": {"resource": "pods", "path": "metadata.name"}}, "web", ""),
    ({"newest": {"resource": "pods", "path": "metadata.name"}}, "db", "is not the answer"),
    ({"newest": {"resource": "pods", "selector": "app=none", "path": "metadata.name"}}, "web", "is not in the cluster"),
]


@pytest.mark.parametrize(("facts", "given", "missing"), ANSWERS)
def test_an_answer_is_compared_with_a_value_or_with_the_cluster(
    facts: dict[str, Any], given: Any, missing: str
) -> None:
    verdict = KINDS["answer"].judge({"question": "q", **facts}, FakeEvidence({"q": given}))
    assert missing in verdict.missing
    assert verdict.met == (not missing)


SANDBOX_ID = {"cri": {"node": "worker-1", "method": "ListPodSandbox", "path": "id"}}
NETNS = {"inside": {"node": "worker-1", "pod": "inside", "container": "web", "command": ["readlink"]}}
PID = {"engine": {"pod": "inside", "path": "State.Pid"}}
SEEN: list[tuple[dict[str, Any], Any, str]] = [
    (SANDBOX_ID, "ab" * 32, ""),
    (SANDBOX_ID, "ab" * 6, ""),
    (SANDBOX_ID, "ab" * 5, "is not the answer"),  # too short to mean one
    (SANDBOX_ID, "ba" * 6, "is not the answer"),
    (SANDBOX_ID, None, "q is not answered yet"),
    ({"cri": {**SANDBOX_ID["cri"], "node": "worker-2"}}, "ab" * 32, "is not on the node"),
    (NETNS, "net:[4026533086]", ""),
    (NETNS, "4026533086", ""),
    (NETNS, "net:[4026533087]", "is not the answer"),
    ({"inside": {**NETNS["inside"], "pod": "gone"}}, "1", "is not on the node"),
    (PID, "4711", ""),
    (PID, "1", "is not the answer"),
    ({"engine": {"pod": "gone", "path": "State.Pid"}}, "4711", "is not on the node"),
]


@pytest.mark.parametrize(("facts", "given", "missing"), SEEN)
def test_an_answer_is_compared_with_what_is_to_be_seen_on_a_node(
    facts: dict[str, Any], given: Any, missing: str
) -> None:
    verdict = KINDS["seen"].judge({"question": "q", **facts}, FakeEvidence({"q": given}))
    assert missing in verdict.missing
    assert verdict.met == (not missing)


def test_what_was_forgotten_is_named() -> None:
    verdict = KINDS["tidy"].judge({}, FakeEvidence(strange=["frozen: scheduler", "hold-1"]))
    assert verdict.missing == "frozen: scheduler; hold-1"


PATHS: list[tuple[str, Any]] = [
    ("spec.nodeName", "worker-2"),
    ("spec.containers[0].image", "x"),
    ("spec.containers[1].image", MISSING),
    ("status.conditions[type=Ready].status", "True"),
    ("status.conditions[type=Other].status", MISSING),
    ("metadata.labels[app.kubernetes.io/name]", "web"),
    ("spec.tolerations[key=a/b].s", 300),
    ("spec.nodeName.deeper", MISSING),
    ("nothing.at.all", MISSING),
]


@pytest.mark.parametrize(("path", "found"), PATHS)
def test_a_path_leads_to_a_field(path: str, found: Any) -> None:
    assert at(POD, path) == found


CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    ({"path": "n", "equals": 3}, True),
    ({"path": "n", "equals": "3"}, True),
    ({"path": "n", "not": 3}, False),
    ({"path": "n", "in": [1, 3]}, True),
    ({"path": "n", "min": 4}, False),
    ({"path": "n", "max": 3}, True),
    ({"path": "s", "like": "web-*"}, True),
    ({"path": "s", "min": 1}, False),
    ({"path": "none", "exists": False}, True),
    ({"path": "none", "like": "*"}, False),
    ({"path": "none", "exists": True}, False),
]


@pytest.mark.parametrize(("condition", "held"), CONDITIONS)
def test_a_condition_holds_or_not(condition: dict[str, Any], held: bool) -> None:
    assert (failing({"n": 3, "s": "web-1"}, [condition]) == []) == held


@pytest.mark.parametrize(
    "wrong", [{"path": "n"}, {"equals": 1}, {"path": "n", "equals": 1, "min": 1}, {"path": "n", "is": 1}]
)
def test_what_is_no_condition_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        parse(wrong)
