"""What controllers say that they decided: one voice, from the plans themselves.

That every reconcile which writes does say it is checked wherever `tests/support/controller_world.py` runs controllers.
"""

from __future__ import annotations

import pytest

from api.meta import ObjectMeta
from controller_manager.controllers import (
    daemonset,
    deployment_plan,
    endpointslice,
    garbage,
    job_plan,
    statefulset_plan,
)
from controller_manager.controllers.pod_gc import Collect
from controller_manager.controllers.replicaset import CreatePods, DeletePods
from controller_manager.decisions import decide, each, wait
from controller_manager.pods import PodView
from wire.tracer import Tracer

PODS = tuple(PodView(metadata=ObjectMeta(name=name, namespace="default")) for name in ("a", "b"))
SET = {"metadata": {"name": "web-1"}, "spec": {"replicas": 3}}

WORDS: dict[str, object] = {
    "create 3": CreatePods(3),
    "delete a, b": DeletePods(PODS),
    "create web-1 with 3 replicas": deployment_plan.CreateSet(SET, 1),
    "scale web-1 from 0 to 3": deployment_plan.PatchSet("web-1", {}, (0, 3)),
    "annotate web-1": deployment_plan.PatchSet("web-1", {}),
    "delete web-1": deployment_plan.DeleteSet("web-1", "uid"),
    "set revision 2": deployment_plan.SetRevision(2),
    "create on n1, n2": daemonset.Plan(create=["n1", "n2"]),
    "delete a": daemonset.Plan(create=["n1"], delete=[PODS[0]]),
    "create no. 0, no. 1": statefulset_plan.Plan(create=[(0, "x"), (1, "x")]),
    "delete b": statefulset_plan.Plan(delete=[PODS[1]]),
    "finish as Complete": job_plan.Finish("Complete", "CompletionsReached", "enough"),
    "create 2": job_plan.Create((None, None)),
    "wait 8 s after a failure": job_plan.Wait(8.2),
    "create with 0 endpoints": endpointslice.Create(endpointslice.Group("IPv4", ()), ()),
    "drop 1 owner": garbage.DropOwners(frozenset("u")),
    "delete, Background": garbage.DeleteObject("Background"),
    "a (PodGC: node no longer exists)": Collect(PODS[0], "PodGC: node no longer exists"),
    "": daemonset.Plan(),
}


@pytest.mark.parametrize(("words", "step"), WORDS.items(), ids=WORDS)
def test_a_step_has_words(words: str, step: object) -> None:
    assert str(step) == words


@pytest.mark.parametrize(
    ("steps", "why", "told"),
    [
        ((), "", "no change"),
        (("", ""), "all is well", "no change: all is well"),
        ((CreatePods(3),), "0 of 3 pods are active", "create 3: 0 of 3 pods are active"),
        (("evict", "", wait(1.6)), "", "evict, wait 2 s"),
    ],
)
def test_steps_then_grounds(steps: tuple[object, ...], why: str, told: str) -> None:
    with Tracer("test").span("reconcile") as span:
        decide(*steps, why=why)
    assert span.attributes["decided"] == told


def test_many_names_are_counted() -> None:
    assert each("delete", "abcde") == "delete a, b, c, d, e"
    assert each("delete", "abcdefg") == "delete a, b, c, d, e and 2 more"
    assert each("delete", ()) == ""
