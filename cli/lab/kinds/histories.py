"""Of all objects of a resource that are there, etcd's histories together have so many writes for which something holds.

As `etcd` for one key, where names are not known beforehand. What is gone is not looked at.
"""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import holds
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    resource = facts["resource"]
    names = [one["metadata"]["name"] for one in evidence.objects(resource, facts.get("selector", ""))]
    writes = [one for name in names for one in evidence.history(f"{resource}/{name}")]
    found = [one for one in writes if holds(one.facts(), facts.get("where", []))]
    writers = ", ".join(dict.fromkeys(one.writer or "?" for one in writes if one.number)) or "nobody"
    looked = f"{len(writes)} revisions of {len(names)} {resource}, written by {writers}"
    return Verdict(looked, outside(len(found), facts, f"such writes of {resource}"))
