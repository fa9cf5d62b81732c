"""Lab 14's table of faults: what is drawn, which answers are right, and that others keep it to themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.debugging.attention import attention
from cli.debugging.hidden import NO_ANSWER, Hidden, notice, read_hidden, why_silent, write_hidden
from cli.lab.broken.table import FAULTS, KINDS, NOWHERE, PROCESS, drawn, repair, revealed
from cli.lab.kinds.table import KINDS as CHECKS
from cli.objects import parse_ref
from cli.spec import Paths
from cli.supervisor import ProcessState
from cli.why.circumstances import hidden
from cli.why.evidence import Evidence
from tests.unit.test_labs_kinds import FakeEvidence
from wire.rules import Action

NODES = ["worker-1", "worker-2"]
every = pytest.mark.parametrize("seed", range(2 * len(FAULTS)))


def test_there_are_many_faults_of_every_kind_and_no_two_alike() -> None:
    assert len(FAULTS) >= 8
    assert {KINDS[one.action] for one in FAULTS} == set(KINDS.values())
    assert len({(one.component, one.edge, one.action) for one in FAULTS}) == len(FAULTS)


@every
def test_a_seed_draws_a_fault_at_a_place_and_draws_it_again(seed: int) -> None:
    broken = drawn(seed, NODES)
    assert broken == drawn(seed, NODES)
    assert "{" not in broken.component
    assert broken.node in (*NODES, NOWHERE)
    assert (broken.node == NOWHERE) == (not broken.component.endswith(tuple(NODES)))


def test_seeds_go_through_the_whole_table_and_through_the_nodes() -> None:
    found = [drawn(seed, NODES) for seed in range(2 * len(FAULTS))]
    assert [one.fault for one in found] == [*FAULTS, *FAULTS]
    assert {one.node for one in found} == {*NODES, NOWHERE}
    assert [drawn(seed, [*NODES, "worker-3"]) for seed in range(2 * len(FAULTS))] == found


@every
def test_a_rule_bears_an_id_that_hides_it_and_a_frozen_process_needs_none(seed: int) -> None:
    broken = drawn(seed, NODES)
    rule = broken.rule(1, "lab")
    assert (rule is None) == (broken.fault.edge == PROCESS) == (broken.kind == "frozen")
    if rule is not None:
        assert rule.hidden
        assert rule.edge == broken.fault.edge
        assert (rule.delay_seconds > 0) == (rule.action is Action.DELAY)


@every
def test_what_is_drawn_is_the_right_answer_and_the_ticket_does_not_tell_it(seed: int) -> None:
    broken = drawn(seed, NODES)
    right = {"component": broken.component, "node": broken.node, "edge": broken.fault.edge, "kind": broken.kind}
    assert all(broken.accepts(part, f" {given.upper()} ") for part, given in right.items())
    assert not any(broken.accepts(part, "apiserver") for part in right)
    assert broken.component not in broken.fault.ticket
    assert repair(broken).endswith(broken.component)
    assert all(any(given in line for line in revealed(broken)) for given in right.values())


def test_a_component_may_be_named_without_its_node_and_a_call_without_its_service() -> None:
    broken = drawn([one.edge.rpartition("/")[2] for one in FAULTS].index("RunPodSandbox"), NODES)
    assert broken.accepts("component", "runtime")
    assert broken.accepts("edge", "RunPodSandbox")
    assert not broken.accepts("edge", "StartContainer")
    assert not broken.accepts("node", "worker-2")


@pytest.mark.parametrize(
    ("question", "given", "missing"),
    [
        ("component", "runtime-worker-1", ""),
        ("component", "kubelet-worker-1", "'kubelet-worker-1' is not the component"),
        ("node", None, "node is not answered yet"),
        ("kind", "failing", ""),
        ("kind", "lost", "'lost' is not the kind"),
        ("evidence", "FAILED 3 at serve:/runtime.v1.RuntimeService/RunPodSandbox of runtime-worker-1", ""),
        ("evidence", "runtime-worker-1", "too short"),
        ("evidence", "something or other went wrong with a container there", "does not speak of the component"),
    ],
)
def test_a_diagnosis_is_judged_part_by_part(question: str, given: str | None, missing: str) -> None:
    verdict = CHECKS["diagnosis"].judge({"question": question}, FakeEvidence({question: given}))
    assert missing in verdict.missing
    assert verdict.met == (not missing)


def test_a_repair_is_judged_by_the_fault_and_by_who_suffered() -> None:
    well = {"object": "pod/web", "where": [{"path": "status.phase", "equals": "Running"}]}
    evidence = FakeEvidence()
    assert CHECKS["repaired"].judge(well, evidence).met
    assert "there is no pod/no" in CHECKS["repaired"].judge({"object": "pod/no"}, evidence).missing
    evidence.hidden.still = ["runtime-worker-1"]
    verdict = CHECKS["repaired"].judge(well, evidence)
    assert verdict.missing == "something is still broken"
    assert "runtime" not in verdict.looked


def test_whoever_restarts_the_innocent_is_told() -> None:
    evidence = FakeEvidence()
    evidence.hidden.again = ["runtime-worker-1"]
    assert CHECKS["calm"].judge({}, evidence).met
    evidence.hidden.again = ["runtime-worker-1", "scheduler"]
    assert CHECKS["calm"].judge({}, evidence).missing == "scheduler had nothing to do with it"


def test_status_says_that_something_is_hidden_and_not_what(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    assert read_hidden(paths) is None
    assert notice(paths) == []
    write_hidden(paths, Hidden("14-x", {"scheduler": 4711}))
    assert read_hidden(paths) == Hidden("14-x", {"scheduler": 4711})
    (line,) = attention(paths, [ProcessState("scheduler", 1, "", pid=4711)])
    assert line == "1 thing is hidden by lab 14-x (orrery lab reset 14-x ends it)"
    assert why_silent(paths, 4711) == NO_ANSWER
    assert why_silent(paths, 4712) == "frozen"


def test_why_says_so_too() -> None:
    said = hidden(Evidence(parse_ref("pod/web", "default"), None, 0.0, hidden=["1 thing is hidden by lab 14-x"]))
    assert "1 thing is hidden by lab 14-x" in next(said).text
