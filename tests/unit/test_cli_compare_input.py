"""What `orrery compare` is given: files, recordings, commands; and what of a live cluster is input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import parse
from cli.compare.contestants import contestants
from cli.compare.feeding import account_of, parts
from cli.compare.limits import DOCUMENT_NODES, FILE_BYTES, STEPS
from cli.compare.model import Do, Key
from cli.compare.reading import FORMAT, make_step, read_input
from cli.compare.selecting import as_input, change, in_order
from cli.compare.subjects import require_component
from cli.errors import UserError

JSON = dict[str, Any]
NODE = """\
apiVersion: v1
kind: Node
metadata: {name: n1, creationTimestamp: 2026-11-20T12:00:00Z}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "input.yaml"
    file.write_text(text)
    return file


def test_documents_lists_and_steps(tmp_path: Path) -> None:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [json.loads(json.dumps(OBJECT))]})
    cordon = "{do: patch, object: {apiVersion: v1, kind: Node, metadata: {name: n1}}, patch: {spec: {x: 1}}}"
    gone = "{do: delete, object: {apiVersion: v1, kind: Pod, metadata: {name: a}}}"
    found = read_input(written(tmp_path, "---\n".join([NODE, POD, listed + "\n", cordon + "\n", gone])))
    assert [(one.do, one.shown) for one in found.steps] == [
        (Do.CREATE, "Node n1"),
        (Do.CREATE, "Pod default/a"),
        (Do.CREATE, "Service shop/web"),
        (Do.PATCH, "Node n1"),
        (Do.DELETE, "Pod default/a"),
    ]
    assert found.steps[0].tree["metadata"]["creationTimestamp"] == "2026-11-20T12:00:00Z"
    assert found.steps[1].where.endswith("input.yaml, line 5")
    assert found.steps[3].tree == {"spec": {"x": 1}}


OBJECT = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}


def test_a_recording_and_its_torn_end(tmp_path: Path) -> None:
    header = json.dumps({"format": FORMAT, "component": "scheduler"})
    whole = f"{header}\n{json.dumps(OBJECT)}\n"
    found = read_input(written(tmp_path, whole + '{"apiVersion": "v1", "ki'))
    assert (found.component, [one.shown for one in found.steps]) == ("scheduler", ["Service shop/web"])
    with pytest.raises(UserError, match="line 2"):
        read_input(written(tmp_path, f"{header}\nno json\n{json.dumps(OBJECT)}\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no object"),
        ("a: [1", "line 2: no YAML"),
        ("just text", "line 1: an object is wanted, not str"),
        (NODE + "---\nkind: Pod\nmetadata: {name: a}", "line 5: apiVersion: required"),
        ("apiVersion: v1\nmetadata: {name: a}", "kind: required"),
        ("apiVersion: v1\nkind: Pod\nspec: {}", "metadata.name: required"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", "drawn by lot cannot be repeated"),
        ("apiVersion: v1\nkind: Pood\nmetadata: {name: a}", "kind: Pood of v1 is none of the built-in kinds; near"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: 3", "spec: a mapping is wanted, not int"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, ownerReferences: [x]}", "metadata.ownerReferences: a list"),
        ("{do: paint, object: {}}", "do: 'paint' is none of create, patch, delete"),
        ("{do: delete, object: {}, why: 1}", "why: a step has"),
        ("{do: delete}", "object: apiVersion, kind and metadata.name are wanted"),
        ("{do: patch, object: {apiVersion: v1, kind: Pod, metadata: {name: a}}}", "patch: wanted"),
        (POD + "---\n" + POD, "line 6: Pod default/a was created at"),
    ],
)  # fmt: skip
def test_what_is_no_input(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        read_input(written(tmp_path, text))
    assert said in str(refused.value)


def test_bounds(tmp_path: Path) -> None:
    bombs = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9))
    for text, said in (
        (" " * (FILE_BYTES + 1), "larger than"),
        ("---\n".join(POD.replace("name: a", f"name: a{n}") for n in range(STEPS + 1)), f"more than {STEPS} steps"),
        (f"x0: &x0 1\n{bombs}\n", f"more than {DOCUMENT_NODES} values"),
    ):
        with pytest.raises(UserError, match=said):
            read_input(written(tmp_path, text))
    with pytest.raises(UserError, match="No such file"):
        read_input(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kubelet-worker-1", "but containers. scheduler and controller-manager can"),
        ("kube-proxy", "rules in a node's kernel"),
        ("etcd", "both sides run on it"),
        ("sheduler", "near it are: scheduler"),
    ],
)
def test_what_cannot_be_compared(name: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        require_component(name)
    assert said in str(refused.value)


def test_who_is_compared() -> None:
    assert [one.name for one in contestants(["ours"], "")] == ["ours", "ours-again"]
    first, second = contestants(["sh", "x"], "")
    assert (first.is_ours, second.name, second.argv[1:]) == (True, "yours", ("x",))
    assert [one.name for one in contestants(["sh"], "sh -c 'true x'")] == ["first", "second"]
    for wrong, said in ((["no-such-program"], "no program"), (["sh"], "No closing quotation")):
        with pytest.raises(UserError, match=said):
            contestants(wrong, "sh '" if said.startswith("No closing") else "")


@pytest.mark.parametrize(
    "argv",
    [
        ["compare", "scheduler", "--input", "f", "--", "mine", "--input", "g"],
        ["compare", "--input", "f", "scheduler", "--", "mine", "--input", "g"],
    ],
)
def test_all_after_the_dashes_is_the_command(argv: list[str]) -> None:
    args = parse(argv)
    assert (args.component, args.input, args.words) == ("scheduler", "f", ["mine", "--input", "g"])


# --- how it is put in


def test_what_belongs_to_another_life_is_left_out() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "old", "controller": True}
    metadata = {"name": "a", "uid": "u", "resourceVersion": "7", "labels": {"x": "y"}, "ownerReferences": [owner]}
    tree = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": "Running"}}
    found = parts(make_step(tree), {Key("apps", "replicasets", "default", "web"): "new"})
    assert found.body["metadata"] == {
        "name": "a", "namespace": "default", "labels": {"x": "y"}, "ownerReferences": [{**owner, "uid": "new"}],
    }  # fmt: skip
    assert ("status" in found.body, found.status, found.lost) == (False, {"phase": "Running"}, ())
    alone = parts(make_step(tree), {})
    assert ("ownerReferences" in alone.body["metadata"], alone.lost) == (False, ("ReplicaSet web",))


@pytest.mark.parametrize(
    ("kind", "spec", "account"),
    [
        ("Pod", {"serviceAccountName": "x"}, ("default", "x")),
        ("Pod", {}, ("default", "default")),
        ("ReplicaSet", {"template": {"spec": {"serviceAccountName": "x"}}}, ("default", "x")),
        ("CronJob", {"jobTemplate": {"spec": {"template": {"spec": {"serviceAccountName": "x"}}}}}, ("default", "x")),
        ("Node", {}, ("", "")),
    ],
)
def test_whom_pods_run_as(kind: str, spec: JSON, account: tuple[str, str]) -> None:
    groups = {"ReplicaSet": "apps/v1", "CronJob": "batch/v1"}
    tree = {"apiVersion": groups.get(kind, "v1"), "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    assert account_of(make_step(tree)) == account


# --- what of a live cluster is input


def live(kind: str, name: str = "a", namespace: str = "default", **more: Any) -> JSON:
    metadata = {"name": name, "namespace": namespace, "uid": "u", **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


RUNNING = live("Pod", spec={"nodeName": "n1", "x": 1}, status={"phase": "Running"})
OWNED = {"ownerReferences": [{"controller": True}]}


@pytest.mark.parametrize(
    ("component", "obj", "pending", "expected"),
    [
        ("scheduler", RUNNING, False, {"spec": {"x": 1}}),
        ("scheduler", RUNNING, True, {"spec": {"nodeName": "n1", "x": 1}, "status": {"phase": "Running"}}),
        ("scheduler", live("Pod", spec={}, status={"phase": "Succeeded"}), False, None),
        ("scheduler", live("Pod", spec={}, metadata={"deletionTimestamp": "now"}), False, None),
        ("scheduler", live("Service", "kubernetes"), False, None),
        ("scheduler", live("Namespace", "kube-system", ""), False, None),
        ("scheduler", live("Namespace", "shop", ""), False, {}),
        ("controller-manager", live("Pod", spec={}, metadata=OWNED), False, None),
        ("controller-manager", live("ReplicaSet", spec={"replicas": 1}, status={"replicas": 1}), False,
         {"spec": {"replicas": 1}}),
        ("controller-manager", live("Node", namespace="", spec={"podCIDR": "10.0.0.0/24", "podCIDRs": [],
         "taints": [{"key": "node.kubernetes.io/not-ready"}, {"key": "mine"}]}), False,
         {"spec": {"taints": [{"key": "mine"}]}}),
    ],
)  # fmt: skip
def test_objects_as_input(component: str, obj: JSON, pending: bool, expected: JSON | None) -> None:
    found = as_input(component, obj, pending=pending)
    if found is None or expected is None:
        assert found is expected
    else:
        assert "uid" not in found["metadata"]
        assert {name: value for name, value in found.items() if name in ("spec", "status")} == expected


LABELLED = {"metadata": {"labels": {"a": "b"}}}


def node(beat: str, ready: str) -> JSON:
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": beat}]
    return live("Node", namespace="", spec={}, status={"conditions": conditions})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (node("1", "True"), node("2", "True"), {}),  # a heartbeat
        (node("1", "True"), node("2", "False"), {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
        (RUNNING, {**RUNNING, "status": {"phase": "Running", "podIP": "1"}}, {}),
        (RUNNING, {**RUNNING, "status": {"phase": "Failed"}}, {"status": {"phase": "Failed"}}),  # it makes room
        (live("Pod", spec={}), live("Pod", spec={"nodeName": "n1"}), {}),  # a decision, and no input
        (live("Pod", spec={}), live("Pod", spec={}, metadata={"labels": {"a": "b"}}), LABELLED),
    ],
)  # fmt: skip
def test_updates_as_input(before: JSON, after: JSON, expected: JSON) -> None:
    assert change("scheduler", before, after) == expected


def test_the_order_of_a_snapshot() -> None:
    placed, waiting, older = (
        live("Pod", "p", spec={"nodeName": "n"}),
        live("Pod", "w", spec={}),
        live("Pod", "o", spec={}),
    )
    found = in_order(
        "scheduler", [(9, "pods", waiting), (3, "pods", older), (12, "pods", placed), (20, "nodes", node("", ""))]
    )
    assert [one["metadata"]["name"] for one in found] == ["a", "p", "o", "w"]
