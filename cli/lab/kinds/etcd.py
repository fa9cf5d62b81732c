"""A key's history in etcd has so many writes for which something holds.

A write has `number` (1 is the creation, 0 a deletion), `revision`, `writer` and `object`.
"""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import holds
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    history = evidence.history(facts["key"])
    found = [one for one in history if holds(one.facts(), facts.get("where", []))]
    writers = ", ".join(dict.fromkeys(one.writer or "?" for one in history if one.number))
    looked = f"{len(history)} revisions of {facts['key']}" + (f", written by {writers}" if writers else "")
    return Verdict(looked, outside(len(found), facts, f"such writes of {facts['key']}"))
