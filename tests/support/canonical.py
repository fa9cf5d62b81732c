"""A cluster's state without what two runs of the same cannot have in common: for comparing one run with another.

Left out are names' random parts, uids, times, addresses, revisions, container ids, which of two nodes a pod came to
(the scheduler draws among equals), how often an object was changed on its way, and the kinds that tell what has
happened rather than what is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from tests.support.cluster import eventually
from tests.support.kubectl import Kubectl

HAPPENED = ("events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses")
"""What tells of the past or of the moment: messages, heartbeats."""

VIRTUAL = ("bindings", "selfsubject", "subjectaccess", "tokenreviews", "localsubject")

JSON = Any
_GONE = frozenset(
    {
        "uid",
        "resourceVersion",
        "managedFields",
        "containerID",
        "nodeInfo",
        "images",
        "nodePort",
        "generation",
        "deployment.kubernetes.io/revision-history",
    }
)
_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b"), "IP"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"\bkube-api-access-[a-z0-9]{5}\b"), "kube-api-access-*"),
)

State = Counter[str]
"""How often there is each object, as canonical JSON."""


def resources(kubectl: Kubectl) -> list[str]:
    """All that can be listed and is more than a word about the moment."""
    listed = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    return [one for one in listed if one not in HAPPENED and not one.startswith(VIRTUAL)]


def state(kubectl: Kubectl) -> State:
    """Of the whole cluster."""
    return canonical(kubectl.json("get", ",".join(resources(kubectl)), "--all-namespaces")["items"])


def settled(kubectl: Kubectl) -> State:
    """Of the whole cluster, once nothing is on its way out and it stays as it is."""
    eventually("no namespace is going", lambda: "Terminating" not in kubectl("get", "namespaces"))
    last: list[State] = []

    def stays() -> State | None:
        last[:] = [*last[-1:], state(kubectl)]
        return last[-1] if last[0] == last[-1] and len(last) == 2 else None

    return eventually("a state that stays", stays, every=1.0)


def canonical(objects: list[JSON]) -> State:
    """Objects, and in them everything that was named after one of them."""
    names = {one["metadata"]["name"]: one["metadata"].get("generateName", "") for one in objects}
    made_up = {name: f"{prefix}*" for name, prefix in names.items() if prefix and name.startswith(prefix)}
    pattern = re.compile("|".join(map(re.escape, sorted(made_up, key=len, reverse=True))) or r"\Z.")

    def plain(text: str) -> str:
        return pattern.sub(lambda found: made_up[found[0]], text)

    trees = [(one["metadata"].get("generation", 0), json.loads(plain(json.dumps(one)))) for one in objects]
    return Counter(json.dumps(_plain(tree, generation), sort_keys=True) for generation, tree in trees)


def _plain(value: JSON, generation: int) -> JSON:
    if isinstance(value, dict):
        return {key: _field(key, one, generation) for key, one in value.items() if key not in _GONE}
    if isinstance(value, list):
        return sorted((_plain(one, generation) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return _text(value) if isinstance(value, str) else value


def _field(key: str, value: JSON, generation: int) -> JSON:
    if key == "observedGeneration":
        return "CURRENT" if value == generation else "BEHIND"
    return "NODE" if key == "nodeName" else _plain(value, generation)


def _text(value: str) -> str:
    for pattern, word in _TEXTS:
        value = pattern.sub(word, value)
    return value


def difference(one: State, other: State) -> list[str]:
    """What only one of the two has; what is alike stands side by side."""
    lines = [(text, f"first only:  {count} x {text}") for text, count in (one - other).items()]
    lines += [(text, f"second only: {count} x {text}") for text, count in (other - one).items()]
    return [line for _, line in sorted(lines)]
