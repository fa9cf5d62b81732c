"""An object is there and its fields are as they should be; with `absent`, it is not there."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import failing


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    name = facts["object"]
    found = evidence.object(name)
    if facts.get("absent", False):
        return Verdict(f"{name}: {'there' if found else 'not there'}", f"{name} is still there" if found else "")
    if found is None:
        return Verdict(f"{name}: not there", f"there is no {name}")
    wanted = facts.get("where", [])
    looked = f"{name}@{found.get('metadata', {}).get('resourceVersion', '?')}"
    fields = ", ".join(one["path"] for one in wanted)
    return Verdict(f"{looked}: {fields}" if fields else looked, "; ".join(failing(found, wanted)))
