"""Objects of a resource are spread over the values of a field: so many, at least and at most, share one.

`path` is the field; objects without it are not counted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import MISSING, at
from cli.lab.kinds.amounts import outside


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    path = facts["path"]
    values = [at(one, path) for one in evidence.objects(facts["resource"], facts.get("selector", ""))]
    groups = Counter(str(one) for one in values if one is not MISSING)
    looked = ", ".join(f"{many} with {value}" for value, many in sorted(groups.items())) or "none has it"
    wrong = [outside(many, facts, f"{facts['resource']} with {path} {value}") for value, many in sorted(groups.items())]
    missing = "; ".join(one for one in wrong if one) if groups else f"no {facts['resource']} with {path}"
    return Verdict(f"{path} of {len(values)} {facts['resource']}: {looked}", missing)
