"""Faults, holds and partitions as people ask for them, and the help that wrong use gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cli.debugging import faults, partitions
from cli.debugging.edges import check_edge, parties, vocabulary
from cli.debugging.fault_commands import _ending
from cli.debugging.fault_file import Partition, read_file
from cli.debugging.faults import Fault, parse_match
from cli.debugging.fleet import Answers
from cli.debugging.rulebook import Entry
from cli.debugging.starvation import LEADER, NEWS, NODE, RUNTIME, losses
from cli.debugging.targets import Target
from cli.errors import UserError
from proto import debug_pb2
from wire.rules import Action, Rule, Subject


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("watch:pods"), "what should happen"),
        (Fault("watch:pods", drop=True), "when should it end"),
        (Fault("watch:pods", drop=True, error="ABORTED", count=3), "only one way"),
        (Fault("watch:pods", jitter="5ms", drop=True, count=3), "varies a delay"),
        (Fault("watch:pods", reorder=True, count=3), "keeps their order"),
        (Fault("etcd:txn", error="UNAVAIL", count=3), "UNAVAILABLE"),
        (Fault("etcd:txn", drop=True, probability=1.5, count=3), "at most 1"),
        (Fault("etcd:txn", drop=True, probability=0.0, count=3), "above 0"),
        (Fault("etcd:txn", drop=True, count=-1), "negative"),
        (Fault("etcd:txn", drop=True, count=2, forever=True), "--forever and --count: does it end, or not"),
        (Fault("etcd:txn", drop=True, duration="5m", forever=True), "--forever and --duration: does it end, or not"),
        (Fault("etcd:txn", drop=True, duration="0s"), "--duration 0s: must be above 0"),
        (Fault("etcd:txn", delay="0s", count=1), "--delay 0s: must be above 0"),
    ],
)
def test_faults_that_make_no_sense(fault: Fault, said: str) -> None:
    with pytest.raises(UserError, match=said):
        faults.check(fault)


@pytest.mark.parametrize("end", [{"count": 1}, {"duration": "5m"}, {"forever": True}])
def test_each_way_to_end_is_accepted(end: dict[str, object]) -> None:
    faults.check(Fault("etcd:txn", drop=True, **end))  # type: ignore[arg-type]


def test_rules_of_a_fault() -> None:
    fault = Fault("rpc:*", match="kind=Pod,name=web-*", delay="200ms", jitter="50ms", error="ABORTED",
                  probability=0.5, duration="1m", seed=7)  # fmt: skip
    common = {"edge": "rpc:*", "kind": "Pod", "name": "web-*", "probability": 0.5, "expires": 1060.0, "seed": 7}
    assert faults.rules_of(fault, 1000.0) == [
        Rule(action=Action.DELAY, delay_seconds=0.2, jitter_seconds=0.05, **common),  # type: ignore[arg-type]
        Rule(action=Action.ERROR, error_code="ABORTED", **common),  # type: ignore[arg-type]
    ]


def test_a_fault_that_draws_says_its_seed() -> None:
    (rule,) = faults.rules_of(Fault("e", drop=True, probability=0.5), 0.0)
    assert rule.seed
    assert f"seed {rule.seed}" in faults.describe(rule)
    assert faults.describe(Rule("e", Action.DROP)) == "drop"


def test_when_it_ends() -> None:
    rule = Rule("watch:pods", Action.DROP, count=1, id="fault-1")
    assert faults.ending(rule, 0, 0.0) == "after 1 message"
    assert faults.ending(replace(rule, count=2, expires=60.0), 0, 0.0) == "after 2 messages or in 1m"
    took = debug_pb2.ListRulesResponse(rules=[debug_pb2.Rule(id="fault-1", taken=1)])
    none = debug_pb2.ListRulesResponse()
    for got, missing, said in (
        ({"dns": none, "scheduler": none}, {}, "after 1 message"),
        ({"dns": took, "scheduler": none}, {}, "after 1 message; used up in dns"),
        ({"dns": took, "scheduler": took}, {"apiserver": "frozen"}, "after 1 message; used up in 2 components"),
        ({"dns": took, "scheduler": took}, {}, "used up"),
    ):
        assert _ending(Entry(rule), Answers(got, missing), 0.0) == said
    assert _ending(Entry(rule, "dns"), Answers({"dns": took, "scheduler": none}), 0.0) == "used up"
    assert _ending(Entry(replace(rule, count=0), "dns"), Answers({"dns": took}), 0.0) == "never"


def test_match() -> None:
    assert parse_match("kind=Pod, name=web-*") == Subject("Pod", "", "web-*")
    for text, said in (("pods", "KEY=PATTERN"), ("knd=Pod", "near it are: kind"), ("name=", "KEY=PATTERN")):
        with pytest.raises(UserError, match=said):
            parse_match(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults: 3", "list `faults`"),
        ("faults: [3]", "of mappings"),
        ("faults:\n- [", "line 2: expected the node content"),
        ("faults: [{edge: e, dellay: 1s}]", "near it are: delay"),
        ("faults:\n- {edge: e, drop: true, count: 1}\n- {drop: true}", "line 3: fault: edge is missing"),
        ("faults:\n- edge: e\n  count: many", "line 3: count: must be a whole number, 0 or more, not 'many'"),
        ("faults:\n- edge: e\n  drop: 'yes'", "line 3: drop: must be true or false, not 'yes'"),
        ("faults:\n- edge: e\n  count: true", "line 3: count: must be a whole number"),
        ("faults:\n- {edge: e, drop: true}", "line 2: when should it end"),
        ("faults:\n- {edge: e, delay: 5x, count: 1}", "line 2: '5x' is no duration"),
        ("faults: [{partition: [a, b], durration: 1s}]", "near it are: duration"),
        ("faults: [{partition: a, duration: 1s}]", "two components"),
        ("faults: [{partition: [a, b]}]", "when should it end"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "f.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_file(tmp_path / "f.yaml")


def test_a_file_of_faults(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(
        "faults:\n"
        "- {edge: 'watch:pods', component: kubelet-*, match: {kind: Pod, name: web-*}, delay: 2s, duration: 300}\n"
        "- {partition: [scheduler, apiserver], duration: 30s}\n"
    )
    entries = read_file(tmp_path / "f.yaml")
    assert [one.where for one in entries] == [f"{tmp_path}/f.yaml, line {line}" for line in (2, 3)]
    assert [one.wanted for one in entries] == [
        Fault("watch:pods", "kubelet-*", "kind=Pod,name=web-*", delay="2s", duration="300"),
        Partition("scheduler", "apiserver", "30s"),
    ]
    with pytest.raises(UserError, match="No such file"):
        read_file(tmp_path / "none.yaml")


TARGETS = [
    Target(name, f"127.0.0.1:{port}")
    for port, name in enumerate(
        ["apiserver", "scheduler", "dns", "kubelet-w1", "kubelet-w2", "runtime-w1", "runtime-w2"], start=1
    )
]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("scheduler", "apiserver", [("scheduler", partitions.API, "")]),
        ("apiserver", "scheduler", [("scheduler", partitions.API, "")]),
        ("kubelet-w1", "apiserver",
         [("kubelet-w1", partitions.API, ""), ("apiserver", partitions.KUBELET, "127.0.0.1:4")]),
        ("kubelet-*", "runtime-*", [("kubelet-w1", partitions.CRI, ""), ("kubelet-w2", partitions.CRI, "")]),
        ("apiserver", "etcd", [("apiserver", "etcd:*", "")]),
    ],
)  # fmt: skip
def test_partitions(one: str, other: str, expected: list[tuple[str, str, str]]) -> None:
    found = partitions.cuts(one, other, TARGETS)
    assert [tuple(cut) for cut in found] == expected
    assert all(rule.cut for _, rule in partitions.rules_of(found, 0.0))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("scheduler", "dns", "scheduler talks to: apiserver"),
        ("kubelet-w1", "runtime-w2", "never talk"),
        ("schedular", "apiserver", "near it are: scheduler"),
    ],
)
def test_partitions_that_cannot_be(one: str, other: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        partitions.cuts(one, other, TARGETS)


COMPONENTS = ["apiserver", "scheduler", "controller-manager", "kubelet-w1", "runtime-w1"]


@pytest.mark.parametrize(
    ("rule", "component", "expected"),
    [
        (Rule("watch:pods", Action.HOLD), "*", []),
        (Rule("rpc:*WriteMany", Action.HOLD), "*", [NODE, LEADER]),
        (Rule("rpc:*WriteMany", Action.HOLD), "kubelet-*", [NODE]),
        (Rule("rpc:*WriteMany", Action.HOLD), "kube-proxy-*", []),
        (Rule("rpc:*WriteMany", Action.HOLD, kind="Pod"), "*", []),
        (Rule("rpc:*WriteMany", Action.HOLD, kind="Lease"), "*", [NODE, LEADER]),
        (Rule("rpc:*WriteMany", Action.HOLD, kind="leases", name="kube-sch*"), "*", [LEADER]),
        (Rule("rpc:*WriteMany", Action.HOLD, name="web-*"), "*", []),
        (Rule("rpc:*/Get", Action.HOLD), "scheduler", [LEADER]),
        (Rule("etcd:txn", Action.HOLD), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.HOLD, count=1), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.HOLD, name="kube-controller-*"), "*", [LEADER]),
        (Rule("serve:*WriteMany", Action.HOLD), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.DELAY, delay_seconds=0.3), "*", []),
        (Rule("etcd:txn", Action.DELAY, delay_seconds=1.5, jitter_seconds=0.5), "*", [LEADER]),
        (Rule("etcd:txn", Action.DELAY, delay_seconds=30, count=1), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.DROP), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.DROP, count=4), "*", []),
        (Rule("etcd:txn", Action.ERROR, count=5), "*", [NODE, LEADER]),
        (Rule("etcd:txn", Action.DUPLICATE), "*", []),
        (Rule("watch:leases", Action.DELAY, delay_seconds=0.3), "*", []),
        (Rule("watch:leases", Action.DELAY, delay_seconds=1), "*", [NEWS]),
        (Rule("rpc:/runtime.v1.*", Action.ERROR, count=1), "*", [RUNTIME]),
        (Rule("etcd:txn", Action.HOLD, kind="Pod"), "*", []),
        (Rule("watch:*", Action.HOLD), "*", [NEWS]),
        (Rule("rpc:/runtime.v1.*", Action.HOLD), "*", [RUNTIME]),
        (Rule("rpc:/runtime.v1.*", Action.HOLD, name="web-*"), "*", []),
        (Rule("reconcile:*", Action.HOLD), "*", []),
    ],
)
def test_what_starves(rule: Rule, component: str, expected: list[str]) -> None:
    assert losses(rule, component, COMPONENTS) == expected


def test_edges_are_checked_against_those_seen_and_those_possible() -> None:
    assert check_edge("reconcile:widget", ["reconcile:widget"]) == ["reconcile:widget"]
    assert check_edge("schedule:*", []) == ["schedule:cycle", "schedule:bind"]
    assert "rpc:/runtime.v1.RuntimeService/RunPodSandbox" in vocabulary()
    with pytest.raises(UserError, match="near it are: watch:pods"):
        check_edge("watch:pdos", [])


@pytest.mark.parametrize(
    ("component", "edge", "expected"),
    [
        ("scheduler", "rpc:/orrery.api.v1.Api/Get", ("scheduler", "apiserver", "call Get")),
        ("kubelet-w1", "rpc:/runtime.v1.RuntimeService/Status", ("kubelet-w1", "runtime-w1", "call Status")),
        ("runtime-w1", "serve:/runtime.v1.RuntimeService/Status", ("kubelet-w1", "runtime-w1", "call Status")),
        ("apiserver", "serve:/orrery.api.v1.Api/Get", ("components", "apiserver", "call Get")),
        ("dns", "watch:services", ("apiserver", "dns", "events of services")),
        ("apiserver", "etcd:txn", ("apiserver", "etcd", "transactions")),
        ("apiserver", "etcd:watch", ("etcd", "apiserver", "changes")),
        ("scheduler", "schedule:bind", ("scheduler", "scheduler", "pods to bind")),
        ("kube-proxy-w1", "nft:apply", ("kube-proxy-w1", "nftables", "rules")),
        ("runtime-w1", "docker:create", ("runtime-w1", "Docker", "call create")),
    ],
)
def test_parties(component: str, edge: str, expected: tuple[str, str, str]) -> None:
    assert parties(component, edge) == expected
