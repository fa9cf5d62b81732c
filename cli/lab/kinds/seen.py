"""A question was answered with what is to be seen on a node.

`cri` is a field of what a runtime lists, `{node, method, where, path}`; `inside` what a command says in a container,
`{node, pod, container, command}`; `engine` a field of what Docker says of a pod's sandbox, `{pod, path}`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import MISSING, at, holds, plain, same

SHORT_ID: Final = 12  # characters, as Docker and crictl show an id
_ID: Final = re.compile(r"[0-9a-f]{64}")
_WRAPPED: Final = re.compile(r"\w+:\[(\d+)\]")  # as readlink shows a namespace: net:[4026531840]


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    question = facts["question"]
    given = evidence.answers().get(question)
    if given is None or not str(given).strip():
        return Verdict(f"answers.yaml: {question} is empty", f"{question} is not answered yet")
    right, where = _right(facts, evidence)
    looked = f"answers.yaml: {question}: {given}; {where}"
    if not right:
        return Verdict(looked, "what the answer would be compared with is not on the node (any more)")
    return Verdict(
        looked, "" if any(fits(given, one) for one in right) else f"{given!r} is not the answer to {question}"
    )


def fits(given: Any, right: Any) -> bool:
    """As `same`, with ids cut short as tools show them, and a namespace with or without its wrapping."""
    told, wanted = unwrapped(given), unwrapped(right)
    short = _ID.fullmatch(wanted) and len(told) >= SHORT_ID and wanted.startswith(told)
    return bool(short) or same(told, wanted)


def unwrapped(value: Any) -> str:
    found = _WRAPPED.fullmatch(plain(value))
    return found[1] if found else plain(value)


def _right(facts: dict[str, Any], evidence: Evidence) -> tuple[list[Any], str]:
    """What would be right, and where that was looked up."""
    nodes = evidence.nodes()
    if "cri" in facts:
        wanted = facts["cri"]
        items = [one for one in nodes.cri(wanted["node"], wanted["method"]) if holds(one, wanted.get("where", []))]
        found = [at(one, wanted["path"]) for one in items]
        return [one for one in found if one is not MISSING], f"{wanted['method']} on {wanted['node']}"
    if "inside" in facts:
        wanted = facts["inside"]
        said = nodes.inside(wanted["node"], wanted["pod"], wanted["container"], wanted["command"])
        return [said] if said else [], f"container {wanted['container']} of pod {wanted['pod']}"
    wanted = facts["engine"]
    value = at(nodes.engine(wanted["pod"]), wanted["path"])
    return [] if value is MISSING else [value], f"docker inspect of the sandbox of pod {wanted['pod']}"
