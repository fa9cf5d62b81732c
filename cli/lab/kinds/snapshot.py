"""The student's folder has an etcd snapshot that etcdctl can read."""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    file = facts["file"]
    found = evidence.snapshot(file)
    if found is None:
        return Verdict(f"{file}: no snapshot", f"the lab's folder has no etcd snapshot {file}")
    return Verdict(f"{file}: {found['totalKey']} keys at revision {found['revision']}")
