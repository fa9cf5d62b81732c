"""A node's runtime has so many sandboxes or containers for which something holds, whoever had them made."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import at, holds
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    node, method = facts["node"], facts["method"]
    every = evidence.nodes().cri(node, method)
    found = [one for one in every if holds(one, facts.get("where", []))]
    names = ", ".join(f"{at(one, 'metadata.name')} {at(one, 'state')}" for one in every[:5]) or "nothing"
    what = "sandboxes" if method == "ListPodSandbox" else "containers"
    return Verdict(f"{method} on {node}: {names}", outside(len(found), facts, f"such {what} on {node}"))
