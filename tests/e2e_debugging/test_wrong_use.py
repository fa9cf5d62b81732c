"""Wrong use gets help: for every debugging command, what people get wrong and what they must be told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from cli.__main__ import main
from tests.support.cluster import ROOT, Cluster, eventually

pytestmark = pytest.mark.e2e

FAULT = ("fault", "add", "watch:pods")
WRONG: Final[dict[tuple[str, ...], str]] = {
    # names of commands, edges, components, nodes, objects, labs, rules and ids
    ("faul",): "no command faul; near it are: fault",
    ("edges", "watch:pod"): "near it are: watch:pods",
    ("hold", "rpc:Write"): "near it are: rpc:/orrery.api.v1.Api/Write",
    ("hold", "watch:pods", "--component", "shceduler"): "near it are: scheduler",
    ("hold", "watch:pods", "--match", "nmae=web"): "near it are: name",
    ("hold", "watch:pods", "--match", "kind"): "write KEY=PATTERN",
    ("held", "--component", "kubelet-worker-9"): "near it are: kubelet-worker-",
    (*FAULT, "--drop", "--count", "1", "--component", "nobody"): "there are: apiserver",
    ("partition", "kubelet-worker-9", "apiserver", "--duration", "1m"): "near it are: kubelet-worker-",
    ("partition", "scheduler", "kubelet-*", "--duration", "1m"): "never talk to one another; scheduler talks to",
    ("kill", "shceduler"): "near it are: scheduler",
    ("freeze", "shceduler"): "near it are: scheduler",
    ("debug", "shceduler"): "near it are: scheduler",
    ("dev", "shceduler"): "near it are: scheduler",
    ("logs", "shceduler"): "near it are: scheduler",
    ("restart", "shceduler"): "near it are: scheduler",
    ("why", "pdo/web"): "near it are: po, pod",
    ("why", "pod"): "name an object as KIND/NAME",
    ("trace", "web"): "name an object as KIND/NAME",
    ("trace", "pod/none"): "not found",
    ("etcd", "get", "pdo/web"): "pdo is no built-in kind; near it are: pod",
    ("etcd", "history", "pod/none"): "was not there as far back as etcd's history goes",
    ("etcd", "tree", "nosuch"): "there is no key below",
    ("wire", "--object", "pdo/web", "--duration", "50ms"): "pdo is no built-in kind; near it are: pod",
    ("wire", "--component", "shceduler", "--duration", "50ms"): "near it are: scheduler",
    ("lab", "start", "2-etcd"): "near it are: 02-etcd",
    ("fault", "delete", "fault-99"): "no rule fault-99",
    ("release", "99"): "99 is not held",
    ("drop", "99"): "99 is not held",
    # what is left out
    ("step",): "nothing is held; orrery hold EDGE holds what comes",
    ("release",): "say which: IDs as orrery held shows them",
    FAULT: "what should happen? One of --drop",
    (*FAULT, "--drop"): "when should it end? Say --count N",
    ("partition", "scheduler", "apiserver"): "when should it end? Say --duration 30s",
    ("clock", "rate"): "which rate? orrery clock rate 60",
    ("wire", "--follow", "pod"): "which one? --follow pod/NAME",
    # what does not go together, or has no sense
    (*FAULT, "--drop", "--duplicate", "--count", "1"): "a message can end only one way",
    (*FAULT, "--reorder", "--count", "1"): "one stream, which keeps their order",
    (*FAULT, "--drop", "--jitter", "1s", "--count", "1"): "say --delay too",
    ("wire", "--object", "pod/a", "--follow", "pod/a"): "one of the two, please",
    ("clock", "pause", "5"): "takes no 5",
    ("hold", "watch:pods", "--match", "name=a", "--match", "kind=Pod"): "--match is given twice",
    ("hold", "watch:pods", "--component", "scheduler", "--component", "dns"): "--component is given twice",
    (*FAULT, "--drop", "--forever", "--count", "2"): "--forever and --count: does it end, or not?",
    (*FAULT, "--drop", "--forever", "--duration", "5m"): "--forever and --duration: does it end, or not?",
    ("partition", "scheduler", "apiserver", "--duration", "0s"): "--duration 0s: must be above 0",
    ("debug", "scheduler", "--terminal", "--off"): "--terminal and --off: one of the two, please",
    ("stand-in", "scheduler"): "the supervisor itself runs what was swapped",
    ("thaw", "scheduler"): "scheduler is not frozen",
    # values
    ("hold", "watch:pods", "--count", "-1"): "a whole number, 1 or more",
    ("hold", "watch:pods", "--count", "0"): "a whole number, 1 or more",
    (*FAULT, "--drop", "--duration", "0s"): "--duration 0s: must be above 0",
    ("trace", "--wait", "-1", "pod/none"): "a number of seconds, 0 or more",
    ("wire", "--duration", "0s"): "--duration 0s: must be above 0",
    ("debug", "scheduler", "--port", "99999"): "--port 99999: must be 1 to 65535",
    (*FAULT, "--drop", "--duration", "5x"): "'5x' is no duration; write 200ms, 30s, 5m or 1h30m",
    (*FAULT, "--drop", "--count", "1", "--probability", "2"): "above 0 and at most 1",
    (*FAULT, "--drop", "--count", "1", "--seed", "-1"): "a whole number, 0 or more",
    (*FAULT, "--error", "UNAVAILABEL", "--count", "1"): "near it are: UNAVAILABLE",
    ("clock", "rate", "fast"): "is no rate; write 60, 0.5 or 1/10",
    ("clock", "rate", "6000"): "at most 600",
    ("clock", "step", "5x"): "is no duration",
    ("etcd", "get", "/registry/namespaces/default", "--revision", "99999999"): "is yet to come: the store is at",
    ("etcd", "tree", "--depth", "-1"): "a whole number, 1 or more",
    # files
    ("wire", "--read", "/nosuch/file"): "cannot be read: No such file or directory",
    ("etcd", "restore", "/nosuch/file"): "there is no such file",
    ("fault", "apply", "-f", "/nosuch/file"): "No such file or directory",
    # a hold that starves a lease warns before it takes effect
    ("hold", "watch:leases"): "Narrow it with --match or --component; or stop the clock first (orrery clock pause)",
    ("hold", "rpc:*Write*"): "the leader cannot renew its lease",
    ("hold", "etcd:txn"): "the leader cannot renew its lease",
}  # fmt: skip


def _said(words: tuple[str, ...], name: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and all that was printed. In this process: starting one for each would take most of the time."""
    code: object = 0
    try:
        main([words[0], "--name", name, *words[1:]])
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    told = code if isinstance(code, str) else ""
    return (1 if told else int(str(code or 0))), captured.out + captured.err + told


def test_every_wrong_use_is_told_a_way_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    answers = {words: _said(words, cluster.name, capsys) for words in WRONG}
    lacking = {" ".join(words): answers[words] for words, help_ in WRONG.items() if help_ not in answers[words][1]}
    assert lacking == {}
    assert [words for words, (code, _) in answers.items() if not code] == []
    assert cluster.orrery("fault", "list").stdout.strip() == "no rules"  # nothing was changed by any of it


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults:\n- edge: watch:pods\n  durtion: 5m\n", "line 3: no such field durtion; near it are: duration"),
        ("faults:\n- edge: watch:pods\n  drop: true\n  count: many\n", "line 4: count: must be a whole number"),
        ("faults:\n- edge: watch:pods\n drop: true\n", "line 3: expected <block end>"),
        ("faults:\n- {edge: watch:pods, drop: true, count: 1}\n- {edge: watch:pod, drop: true, count: 1}\n",
         "line 3: no edge watch:pod; near it are: watch:pods"),
        ("faults:\n- {partition: [kubelet-worker-9, apiserver], duration: 1m}\n", "line 2: no component"),
    ],
)  # fmt: skip
def test_a_file_of_faults_is_wrong_at_a_line(cluster: Cluster, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "f.yaml").write_text(text)
    done = cluster.orrery("fault", "apply", "-f", str(tmp_path / "f.yaml"), check=False)
    assert done.returncode == 1 and f"f.yaml, {said}" in done.stderr, done.stderr
    assert cluster.orrery("fault", "list").stdout.strip() == "no rules"


def test_a_cluster_that_does_not_run(cluster: Cluster) -> None:
    for words in (("wire",), ("why", "pod/a"), ("etcd", "tree"), ("hold", "watch:pods"), ("clock",), ("edges",)):
        other = Cluster("elsewhere", cluster.home)
        done = other.orrery(*words, check=False)
        assert done.returncode == 1
        assert "cluster elsewhere does not run; orrery up --name elsewhere starts it" in done.stderr
        assert f"running: {cluster.name}" in done.stderr


FOLLOWING = (("wire",), ("etcd", "watch"))


@pytest.mark.parametrize("words", FOLLOWING, ids=lambda words: words[0])
def test_following_ends_quietly(cluster: Cluster, tmp_path: Path, words: tuple[str, ...]) -> None:
    """By Ctrl-C, and when nobody reads any more."""
    command = [sys.executable, "-m", "cli", words[0], "--name", cluster.name, *words[1:]]
    output = tmp_path / "out"
    with output.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env=cluster.environment)
        eventually("the first line", lambda: output.stat().st_size)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert "Traceback" not in output.read_text()
    reader, writer = os.pipe()
    with (tmp_path / "err").open("w") as errors:
        process = subprocess.Popen(command, stdout=writer, stderr=errors, cwd=ROOT, env=cluster.environment)
        os.close(writer)
        assert os.read(reader, 1)
        os.close(reader)
        assert process.wait(30) == 141  # leases are renewed all the time: soon there is a line that nobody reads
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_who_is_frozen_is_told(cluster: Cluster) -> None:
    cluster.orrery("freeze", "scheduler")
    try:
        assert "not reached: scheduler (frozen)" in cluster.orrery("held").stdout
        assert "not reached: scheduler (frozen)" in cluster.orrery("clock").stdout
        assert "frozen: scheduler (orrery thaw NAME)" in cluster.orrery("status").stdout
    finally:
        cluster.orrery("thaw", "scheduler")


def test_a_forgotten_clock_and_fault_are_told(cluster: Cluster) -> None:
    cluster.orrery("clock", "pause")
    cluster.orrery("fault", "add", "watch:nodes", "--delay", "10ms", "--forever")
    try:
        status = cluster.orrery("status").stdout
        assert "paused" in status and "(orrery clock resume)" in status
        assert "delay 10 ms at watch:nodes; ends never" in status
    finally:
        cluster.orrery("fault", "clear")
        cluster.orrery("clock", "resume")
