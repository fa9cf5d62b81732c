"""Where a trial happens: a namespace of its own, the student's program in it, and the hands to try it with.

A trial is a script in a lab's folder, `run(trial, "my_program.py")`: it does things to the cluster and notes in `facts`
what came of them. It waits for no fixed time: first until the program has done what it does at the latest then (a
*marker*), however busy the machine; then, for what else there is, many times as long as that took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final
from urllib.parse import quote

from apimachinery.errors import ApiError
from cli.debugging.holds import HoldOptions, hold, let_go
from cli.forms.finding import running
from cli.lab.cluster import collection
from cli.lab.evidence import JSON, Trial
from cli.lab.model import Lab, find
from cli.lab.student import Program, Stopped
from cli.lab.workspace import Workspace
from cli.objects import parse_ref
from cli.rest import Rest

POLL_SECONDS: Final = 0.02
MARKER_SECONDS: Final = 30.0
GRACE_FACTOR: Final = 10
GRACE_SECONDS: Final = (1.0, 6.0)  # at least and at most
TRIAL_OF: Final = "orrery.lab/trial-of"
MERGE: Final = "application/merge-patch+json"


class Arena:
    """One trial's. The namespace stays for the student to look at until the next trial, or the lab's end."""

    def __init__(self, cluster: str, lab: Lab, file: str) -> None:
        here = running(cluster)
        self._cluster = cluster
        self._rest = here.rest()
        self.namespace = _make_namespace(self._rest, lab)
        self.program = Program(Workspace.of(cluster, lab).folder, file, self.namespace)
        self.facts: JSON = {}
        self._grace_seconds = GRACE_SECONDS[1]

    # --- hands

    def get(self, name: str) -> JSON | None:
        try:
            return self._rest.call("GET", self._path(name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def all(self, resource: str, selector: str = "") -> list[JSON]:
        found = self._rest.call("GET", f"{self._path(resource)}?labelSelector={quote(selector)}")
        return list(found["items"])

    def create(self, resource: str, body: JSON) -> JSON:
        return self._rest.call("POST", self._path(resource), body)

    def patch(self, name: str, change: JSON) -> JSON:
        return self._rest.call("PATCH", self._path(name), change, MERGE)

    def delete(self, name: str) -> None:
        _forget(self._rest, self._path(name))

    def _path(self, name: str) -> str:
        """Of `service/web`, or of all `services`."""
        resource, slash, bare = name.partition("/")
        ref = parse_ref(f"{resource}/{bare or 'any'}", self.namespace)
        root = collection(ref.gvr, ref.namespace)
        return f"{root}/{bare}" if slash else root

    def revision(self, resource: str) -> str:
        """At which the resource is now, to tell `changes` from."""
        return str(self._rest.call("GET", self._path(resource))["metadata"]["resourceVersion"])

    def changes(self, resource: str, since: str) -> Iterator[tuple[str, JSON]]:
        """What happened after a revision, in order, and goes on happening: break when you have seen enough."""
        for event in self._rest.watch(f"{self._path(resource)}?watch=1&resourceVersion={since}"):
            yield event["type"], event["object"]

    @contextmanager
    def held(self, edge: str) -> Iterator[None]:
        """Messages at an edge wait meanwhile, if they are of this namespace; then they pass."""
        options = HoldOptions(edge, match=f"namespace={self.namespace}")
        rule = asyncio.run(hold(self._cluster, options)).partition(":")[0]
        try:
            yield
        finally:
            asyncio.run(let_go(self._cluster, [rule], everything=False))

    # --- waiting

    def marker(self, what: str, came: Callable[[], object]) -> None:
        """Raises Stopped if the program does not do what it must."""
        began = time.monotonic()
        if not self._until(came, MARKER_SECONDS):
            raise Stopped(f"{what}: your program did not see to that within {MARKER_SECONDS:.0f} s")
        self._grace_seconds = grace(time.monotonic() - began)

    def soon(self, came: Callable[[], object]) -> bool:
        return self._until(came, self._grace_seconds)

    def at_last(self, came: Callable[[], object]) -> bool:
        """What somebody else does, who may be slow."""
        return self._until(came, MARKER_SECONDS)

    def note(self, came: Mapping[str, Callable[[], object]]) -> None:
        """Facts, each true if it comes about soon."""
        self.soon(lambda: all(one() for one in came.values()))
        self.facts |= {name: bool(one()) for name, one in came.items()}

    def _until(self, came: Callable[[], object], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not came():
            self.program.check()
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def grace(marker_seconds: float) -> float:
    """After a marker that took so long."""
    least, most = GRACE_SECONDS
    return min(most, max(least, GRACE_FACTOR * marker_seconds))


def run(trial: Callable[[Arena], None], file: str) -> None:
    """What a trial's script does: `PYTHON SCRIPT CLUSTER LAB`. Prints the result as one line of JSON."""
    cluster, lab = sys.argv[1:3]
    arena = Arena(cluster, find(lab), file)
    stopped = ""
    try:
        trial(arena)
    except Stopped as why:
        stopped = str(why)
    finally:
        arena.program.kill()
    print(json.dumps(asdict(Trial(f"namespace {arena.namespace}", arena.facts, stopped))))


def _make_namespace(rest: Rest, lab: Lab) -> str:
    """Goes with the lab's. Whoever has rights there by a RoleBinding has them here too."""
    for one in rest.call("GET", f"/api/v1/namespaces?labelSelector={quote(f'{TRIAL_OF}={lab.id}')}")["items"]:
        _forget(rest, f"/api/v1/namespaces/{one['metadata']['name']}")
    of = rest.call("GET", f"/api/v1/namespaces/{lab.namespace}")["metadata"]
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": of["name"], "uid": of["uid"]}
    meta = {"generateName": f"{of['name']}-trial-", "labels": {TRIAL_OF: lab.id}, "ownerReferences": [owner]}
    made = str(rest.call("POST", "/api/v1/namespaces", {"metadata": meta})["metadata"]["name"])
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
    for one in rest.call("GET", path.format(lab.namespace))["items"]:
        binding = {"metadata": {"name": one["metadata"]["name"]}, "roleRef": one["roleRef"]}
        rest.call("POST", path.format(made), {**binding, "subjects": one["subjects"]})
    return made


def _forget(rest: Rest, path: str) -> None:
    try:
        rest.call("DELETE", path)
    except ApiError as error:
        if error.code not in (404, 409):  # not there, or going already
            raise
