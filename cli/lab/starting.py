"""Starting a lab, on a cluster where nothing is in the way, and clearing it away again."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Final

from apimachinery.errors import ApiError
from cli.debugging.edge_list import edge_trees, edges
from cli.errors import UserError
from cli.forms.finding import running
from cli.lab.broken import hiding
from cli.lab.broken.table import drawn
from cli.lab.cluster import ClusterEvidence
from cli.lab.evidence import JSON
from cli.lab.fields import at
from cli.lab.model import Lab
from cli.lab.scripts import perform
from cli.lab.workspace import Start, Workspace, begin, clear

GONE_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 1  # for a lab's pods when it is cleared away: nobody is served by them
READY_SECONDS: Final = 20.0  # that a start waits for nodes: a kubelet that was frozen may just be coming back
POLL_SECONDS: Final = 0.05
LABEL: Final = "orrery.lab"


def start(name: str, lab: Lab, seed: int | None = None) -> str:
    """Raises UserError, with everything that is in the way, on a cluster that is not clean."""
    lab = lab.on(running(name).runtime)
    space = Workspace.of(name, lab)
    evidence = ClusterEvidence(name, lab.namespace, space)
    _refuse_if_dirty(evidence, lab)
    seed = random.SystemRandom().randrange(1 << 16) if seed is None else seed
    body = {"metadata": {"name": lab.namespace, "labels": {LABEL: lab.id}}}
    evidence.rest.call("POST", "/api/v1/namespaces", body)
    _wait_for_account(evidence, lab)
    begin(space, lab, now(evidence, lab, seed))
    if lab.setup.exists():
        perform(name, lab, lab.setup, seed)
    told = _told(lab, space)
    if lab.broken:
        told += [f"  ticket:    {break_one(name, lab, seed)}"]
    return "\n".join(told)


def break_one(name: str, lab: Lab, seed: int) -> str:
    """Draw a fault, hide it, and let things happen that suffer from it. Gives what users will say.

    What the edges counted before stands in the student's folder.
    """
    broken = drawn(seed, running(name).node_names)
    space = Workspace.of(name, lab)
    space.edges("json").write_text(json.dumps(_counted(name)))
    space.edges("txt").write_text(asyncio.run(edges(name)) + "\n")
    space.ticket.write_text(broken.fault.ticket + "\n")
    hiding.hide(name, lab.id, broken, lab.namespace)
    perform(name, lab, lab.aftermath, seed)
    return broken.fault.ticket


def _counted(name: str) -> list[JSON]:
    """What the edges counted, of every component: one may just have begun anew."""
    everyone = {one.component for one in running(name).targets}
    deadline = time.monotonic() + READY_SECONDS
    found = asyncio.run(edge_trees(name))
    while everyone - {one["component"] for one in found} and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        found = asyncio.run(edge_trees(name))
    return found


def now(evidence: ClusterEvidence, lab: Lab, seed: int) -> Start:
    counts = {f"{one.component} {one.edge}": one.counts for one in evidence.counters()}
    return Start(lab.id, time.time(), seed, evidence.revision(), counts, evidence.all_restarts())


def _told(lab: Lab, space: Workspace) -> list[str]:
    return [
        f"lab {lab.id}, {lab.title}: {lab.points} points, about {lab.minutes} minutes",
        f"  text:      {lab.text}",
        f"  namespace: {lab.namespace}   (kubectl config set-context --current --namespace={lab.namespace})",
        f"  answers:   {space.answers}",
        f"then: orrery lab check {lab.id}; stuck: orrery lab hint {lab.id}; away with it: orrery lab reset {lab.id}",
    ]


def _refuse_if_dirty(evidence: ClusterEvidence, lab: Lab) -> None:
    found = _in_the_way(evidence, lab)
    deadline = time.monotonic() + READY_SECONDS
    while found and all("not Ready" in one for one in found) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        found = _in_the_way(evidence, lab)
    if found:
        raise UserError("\n  - ".join([f"lab {lab.id} needs a clean cluster; in the way:", *found]))


def _in_the_way(evidence: ClusterEvidence, lab: Lab) -> list[str]:
    nodes, namespaces = evidence.objects("nodes", ""), evidence.objects("namespaces", LABEL)
    return obstacles(evidence.unusual(), nodes, namespaces, lab.nodes)


def obstacles(unusual: list[str], nodes: list[JSON], namespaces: list[JSON], needed: int = 1) -> list[str]:
    """What is in the way of a lab that takes `needed` nodes, with the way out. Pure. `namespaces`: those of labs."""
    found = list(unusual)
    for one in nodes:
        node = one["metadata"]["name"]
        if at(one, "status.conditions[type=Ready].status") != "True":
            found.append(f"node {node} is not Ready (orrery why node/{node})")
        if at(one, "spec.unschedulable") is True:
            found.append(f"node {node} is cordoned (kubectl uncordon {node})")
    for one in namespaces:
        lab = at(one, f"metadata.labels[{LABEL}]")
        found.append(f"lab {lab} is under way in namespace {one['metadata']['name']} (orrery lab reset {lab})")
    if len(nodes) < needed:
        has = f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
        found.append(f"the cluster has {has}, and the lab takes {needed} (orrery down; orrery up --nodes {needed})")
    return found


def _wait_for_account(evidence: ClusterEvidence, lab: Lab) -> None:
    """Without its ServiceAccount a namespace takes no pods."""
    deadline = time.monotonic() + READY_SECONDS
    while evidence.object("serviceaccount/default") is None:
        if time.monotonic() > deadline:
            raise UserError(f"namespace {lab.namespace} has no ServiceAccount yet; orrery logs controller-manager")
        time.sleep(POLL_SECONDS)


def reset(name: str, lab: Lab) -> str:
    """Remove the namespace and the student's files; other things, such as faults, are named and left."""
    space = Workspace.of(name, lab)
    evidence = ClusterEvidence(name, lab.namespace, space)
    if lab.broken and (away := hiding.end(name, lab.id)):
        raise UserError(f"what lab {lab.id} hid is still there: {away}; orrery status, then once more")
    place = f"/api/v1/namespaces/{lab.namespace}"
    for path in (place, f"{place}/pods?gracePeriodSeconds={GRACE_SECONDS}"):
        try:
            evidence.rest.call("DELETE", path)
        except ApiError as error:
            if error.code not in (404, 409):  # not there, or going already
                raise UserError(error.message) from None
    left = evidence.unusual()
    if not left:  # with the controller-manager frozen, it never goes
        _wait_until_gone(evidence, lab)
    clear(space)
    left = obstacles(left, evidence.objects("nodes", ""), [])
    still = "\n  - ".join(["still not as usual:", *left]) if left else ""
    return "\n".join(line for line in (f"lab {lab.id} is cleared away", still) if line)


def _wait_until_gone(evidence: ClusterEvidence, lab: Lab) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while evidence.object(f"namespace/{lab.namespace}") is not None:
        if time.monotonic() > deadline:
            raise UserError(f"namespace {lab.namespace} is still there; orrery why namespace/{lab.namespace}")
        time.sleep(POLL_SECONDS)
