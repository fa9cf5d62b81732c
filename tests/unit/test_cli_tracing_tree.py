"""Causal trees from spans: parents, links, gaps, critical path, text, OTLP, page."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from cli.tracing.critical import critical_path
from cli.tracing.kubeconfigs import through_proxy
from cli.tracing.otlp import export
from cli.tracing.page import page
from cli.tracing.sequence import actors, messages
from cli.tracing.text import render
from cli.tracing.tree import Tree, build, reachable
from wire.span import Span

A, B, C = "a" * 32, "b" * 32, "c" * 32


def hop(
    name: str,
    parent: str = "",
    start: float = 0.0,
    took: float = 1.0,
    trace: str = A,
    links: tuple[str, ...] | list[str] = (),
    component: str = "apiserver",
    **about: str,
) -> Span:
    """A span whose id is made from its name."""
    end = start + took if took >= 0 else 0.0
    return Span(
        trace,
        ident(name),
        ident(parent) if parent else "",
        component,
        name,
        start,
        end,
        tuple(links),
        about,
    )


def ident(name: str) -> str:
    return name.encode().hex().ljust(16, "0")[:16]


def context(name: str, trace: str = A) -> str:
    return f"00-{trace}-{ident(name)}-01"


def shape(tree: Tree) -> list[tuple[int, str]]:
    return [(depth, node.span.name) for node, depth in tree.nodes()]


@dataclass
class Case:
    """`shape` is what comes out: depth and name."""

    spans: list[Span]
    shape: list[tuple[int, str]]
    gaps: int = 0


CASES = {
    "nothing": Case([], []),
    "by parent, in order of start": Case(
        [hop("late", "root", 5), hop("root", start=0), hop("soon", "root", 1), hop("deep", "soon", 2)],
        [(0, "root"), (1, "soon"), (2, "deep"), (1, "late")],
    ),
    "other traces are not shown": Case([hop("root"), hop("other", trace=B)], [(0, "root")]),
    "by link, with all that follows": Case(
        [
            hop("root"),
            hop("other", trace=B),
            hop("woken", "other", 2, trace=B, links=[context("root")]),
            hop("wrote", "woken", 3, trace=B),
            hop("aside", "other", 2, trace=B),
        ],
        [(0, "root"), (1, "woken"), (2, "wrote")],
    ),
    "a link out of a linked trace": Case(
        [
            hop("root"),
            hop("b", trace=B, start=1, links=[context("root")]),
            hop("c", trace=C, start=2, links=[context("b", B)]),
        ],
        [(0, "root"), (1, "b"), (2, "c")],
    ),
    "a cause that is lost is a gap": Case([hop("root"), hop("child", "gone", 1)], [(0, "root"), (0, "child")], 1),
    "a lost parent, and a link that is known": Case(
        [hop("root"), hop("child", "gone", 1, links=[context("root")])], [(0, "root"), (1, "child")]
    ),
    "no circle by links": Case(
        [hop("one", start=0, links=[context("two")]), hop("two", "one", start=1)], [(0, "one"), (1, "two")]
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tree(case: Case) -> None:
    tree = build(case.spans, frozenset([A]))
    assert shape(tree) == case.shape
    assert len(tree.gaps) == case.gaps


def test_a_command_is_the_cause_of_all_its_requests() -> None:
    tree = build([hop("get", start=1), hop("post", start=2, trace=B)], frozenset([A, B]), hop("run", trace=C))
    assert shape(tree) == [(0, "run"), (1, "get"), (1, "post")]


def test_what_is_reached_does_not_depend_on_the_order() -> None:
    spans = CASES["a link out of a linked trace"].spans
    forward = {span.name for span in reachable(spans, frozenset([A]))}
    assert forward == {span.name for span in reachable(spans[::-1], frozenset([A]))} == {"root", "b", "c"}


PASSES = [
    hop("write", start=0, took=1, component="apiserver"),
    hop("watch:pods", "write", 2, 0.1, component="kubelet"),
    hop("sync pod", "watch:pods", 2.1, 5, component="kubelet", pod="a"),
    Span(A, "f" * 16, ident("watch:pods"), "kubelet", "sync pod", 7.2, 8.0, (), {"pod": "a"}),
    Span(A, "e" * 16, ident("watch:pods"), "kubelet", "sync pod", 3.0, 7.1, (), {"pod": "b"}),
    Span(A, "d" * 16, "f" * 16, "apiserver", "patch pods/status", 8.1, 8.5, (), {"revision": "9"}),
    Span(A, "c" * 16, "f" * 16, "apiserver", "create events", 8.1, 99.0, (), {"revision": "10"}),
]


def test_the_critical_path_goes_through_earlier_passes_and_ends_before_events() -> None:
    path = critical_path(build(PASSES, frozenset([A])))
    assert [(step.node.span.name, step.node.span.start) for step in path] == [
        ("write", 0),
        ("watch:pods", 2),
        ("sync pod", 2.1),
        ("sync pod", 7.2),
        ("patch pods/status", 8.1),
    ]
    assert [round(step.waited, 3) for step in path] == [0, 1, 0, 0.1, 0.1]
    assert round(sum(step.busy for step in path), 3) == round(1 + 0.1 + 5 + 0.8 + 0.4, 3)


CALLS = [
    hop("sync pod", start=0, took=10, component="kubelet", pod="a"),
    hop("create events", "sync pod", 8, 1),
    hop("Run", "sync pod", 1, 5, component="runtime"),
    hop("docker:create", "Run", 1.5, 1, component="runtime"),
    hop("docker:start", "Run", 3, 2.5, component="runtime"),
    hop("watch:pods", "sync pod", 9, 0.5, component="kubelet"),
    hop("Get", "sync pod", 0.5, 2),
    hop("patch", "watch:pods", 12, 1, revision="7"),
]


def test_the_critical_path_goes_down_into_calls_that_were_waited_for() -> None:
    path = critical_path(build(CALLS, frozenset([A])))
    assert [(step.node.span.name, round(step.waited, 3), round(step.busy, 3)) for step in path] == [
        ("sync pod", 0, 1 + 3),
        ("Run", 0, 0.5 + 0.5 + 0.5),
        ("docker:create", 0, 1),
        ("docker:start", 0, 2.5),
        ("watch:pods", 0, 0.5),
        ("patch", 2.5, 1),
    ]
    assert sum(step.waited + step.busy for step in path) == pytest.approx(13)


def test_a_pass_waits_for_the_one_before_it_wherever_that_hangs() -> None:
    second = Span(A, "f" * 16, ident("watch:pods"), "kubelet", "sync pod", 10.5, 11.0, (), {"pod": "a"})
    third = Span(A, "e" * 16, "f" * 16, "apiserver", "patch pods/status", 10.6, 10.9, (), {"revision": "9"})
    path = critical_path(build([*CALLS[:-1], second, third], frozenset([A])))
    names = [step.node.span.name for step in path]
    assert names == ["sync pod", "Run", "docker:create", "docker:start", "sync pod", "patch pods/status"]
    assert [round(step.waited, 3) for step in path] == [0, 0, 0, 0, 0.5, 0]


def test_the_path_of_nothing_is_empty() -> None:
    assert critical_path(build([], frozenset([A]))) == []


def test_text_marks_the_path_counts_idle_deliveries_and_tells_gaps() -> None:
    idle = hop("watch:X", "write", 2, 0.1, component="dns")
    text = render(build([*PASSES, idle, hop("orphan", "gone", 50)], frozenset([A])), "title")
    assert "* " in text and "also delivered to dns: nothing to do" in text
    assert "1 GAPS" in text and "(GAP: what caused it is lost)" in text
    assert "also delivered" not in render(build([*PASSES, idle], frozenset([A])), "title", everything=True)


def test_work_under_way_is_said() -> None:
    tree = build([hop("root"), hop("pull", "root", 1, took=-1)], frozenset([A]))
    assert [span.name for span in tree.under_way] == ["pull"]
    assert "still under way: pull" in render(tree, "title")


def test_otlp_is_one_trace_with_nanoseconds_and_parents() -> None:
    case = CASES["by link, with all that follows"]
    document = json.loads(json.dumps(export(build(case.spans, frozenset([A])))))
    (resource,) = document["resourceSpans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "apiserver"}}]
    spans = {one["name"]: one for one in resource["scopeSpans"][0]["spans"]}
    assert {one["traceId"] for one in spans.values()} == {A}
    assert spans["woken"]["parentSpanId"] == ident("root")
    assert spans["woken"]["startTimeUnixNano"] == "2000000000"
    assert spans["woken"]["links"] == [{"traceId": A, "spanId": ident("root")}]
    assert {"key": "orrery.trace_id", "value": {"stringValue": B}} in spans["woken"]["attributes"]


def test_what_was_interrupted_or_has_lost_its_cause_is_told_everywhere() -> None:
    tree = build([hop("root", interrupted="its process ended"), hop("child", "gone", 1)], frozenset([A]))
    text = render(tree, "title")
    assert "(INTERRUPTED: its process ended)" in text and "interrupted: apiserver root" in text
    assert "(GAP: what caused it is lost)" in text and "1 GAPS" in text
    assert page(tree, "title").count('trouble">') == 2
    cut, lost = export(tree)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert cut["status"] == {"code": 2, "message": "its process ended"}
    assert "orrery.gap" in {one["key"] for one in lost["attributes"]}


def look(controller: str, parent: str, decided: str) -> Span:
    span = hop(controller, parent, 2, 0.1, component="controller-manager", decided=decided)
    return replace(span, name=f"reconcile:{controller}")


def test_looks_that_found_nothing_are_told_with_the_delivery() -> None:
    spans = [
        hop("write", revision="7"),
        hop("watch:a", "write", 1, 0.1, component="controller-manager"),
        look("garbage-collector", "watch:a", decided="no change"),
        hop("watch:b", "write", 1, 0.1, component="controller-manager"),
        look("job", "watch:b", decided="nothing to do"),
        hop("watch:c", "write", 1, 0.1, component="controller-manager"),
        look("replicaset", "watch:c", decided="no change: 3 of 3"),
    ]
    text = render(build(spans, frozenset([A])), "title")
    assert "garbage" not in text and "reconcile:job" not in text and "decided no change: 3 of 3" in text
    assert "also delivered to controller-manager: nothing to do" in text
    assert "garbage" in render(build(spans, frozenset([A])), "title", everything=True)


def test_the_page_loads_nothing_and_escapes() -> None:
    tree = build([hop("root", object="<script>alert(1)</script>")], frozenset([A]))
    html = page(tree, "a <b> title")
    assert "<script>alert" not in html and "a &lt;b&gt; title" in html
    for outside in ("http://", "https://", "src=", "@import", "url(h"):
        assert outside not in html


def test_the_diagram_has_a_lane_for_everyone_who_speaks() -> None:
    txn = hop("etcd txn", "write", 0.5, key="/registry/pods/a/b")
    found = messages(build([*PASSES, txn], frozenset([A])), set())
    assert actors(found) == ["apiserver", "etcd", "kubelet"]
    assert ("apiserver", "kubelet") in {(one.sender, one.receiver) for one in found}
    assert not any("events" in one.text for one in found)


def test_the_diagram_leaves_out_what_led_to_nothing() -> None:
    spans = [
        hop("write", revision="7"),
        hop("watch:a", "write", 1, 0.1, component="controller-manager"),
        look("replicaset", "watch:a", decided="no change: 3 of 3 pods are active"),
        hop("watch:b", "write", 1.5, 0.1, component="controller-manager"),
        look("deployment", "watch:b", decided="no change"),
        hop("patch", "deployment", 3, 0.1),
    ]
    texts = [one.text for one in messages(build(spans, frozenset([A])), set())]
    assert texts == ["watch:b", "no change", "patch"]


def test_a_kubeconfig_is_sent_through_the_proxy_for_one_server_only() -> None:
    from pathlib import Path

    config = {
        "clusters": [
            {"name": "ours", "cluster": {"server": "https://127.0.0.1:1/", "certificate-authority": "ca.crt"}},
            {"name": "theirs", "cluster": {"server": "https://else.where"}},
        ],
        "users": [{"name": "me", "user": {"client-key": "/abs.key", "token": "t"}}],
    }
    made, found = through_proxy(config, Path("/home/me"), "https://127.0.0.1:1", "http://127.0.0.1:9")
    ours, theirs = (one["cluster"] for one in made["clusters"])
    assert (found, ours["proxy-url"], ours["certificate-authority"]) == (1, "http://127.0.0.1:9", "/home/me/ca.crt")
    assert "proxy-url" not in theirs and "proxy-url" not in config["clusters"][0]["cluster"]
    assert made["users"][0]["user"] == {"client-key": "/abs.key", "token": "t"}
