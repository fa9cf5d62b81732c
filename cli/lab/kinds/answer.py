"""A question was answered rightly: with `value`, one of `any_of`, or what the cluster itself says.

`field` is the field of an object; `write` the revision of the first write in etcd that fits, `{key, number}` or
`{key, writer}`; `past` what stood in a field last, though the object may be gone, `{key, path}`; `newest` a field of
the object written last of a resource, `{resource, selector, path}`.
"""

from __future__ import annotations

from typing import Any

from cli.lab.evidence import Evidence, Verdict
from cli.lab.fields import MISSING, at, same


def judge(facts: dict[str, Any], evidence: Evidence) -> Verdict:
    question = facts["question"]
    given = evidence.answers().get(question)
    if given is None or not str(given).strip():
        return Verdict(f"answers.yaml: {question} is empty", f"{question} is not answered yet")
    right = _right(facts, evidence)
    looked = f"answers.yaml: {question}: {given}"
    if not right:
        return Verdict(looked, "what the answer would be compared with is not in the cluster (any more)")
    return Verdict(
        looked, "" if any(same(given, one) for one in right) else f"{given!r} is not the answer to {question}"
    )


def _right(facts: dict[str, Any], evidence: Evidence) -> list[Any]:
    if "field" in facts:
        found = at(evidence.object(facts["field"]["object"]) or {}, facts["field"]["path"])
        return [] if found is MISSING else [found]
    if "write" in facts:
        return _revisions(facts["write"], evidence)
    if "past" in facts:
        return _past(facts["past"], evidence)
    if "newest" in facts:
        return _newest(facts["newest"], evidence)
    return list(facts["any_of"]) if "any_of" in facts else [facts["value"]]


def _revisions(wanted: dict[str, Any], evidence: Evidence) -> list[int]:
    """The first write that fits."""
    for one in evidence.history(wanted["key"]):
        if all(same(one.facts()[key], wanted[key]) for key in ("number", "writer") if key in wanted):
            return [one.revision]
    return []


def _past(wanted: dict[str, Any], evidence: Evidence) -> list[Any]:
    every = [at(one.tree, wanted["path"]) for one in evidence.history(wanted["key"])]
    return [one for one in every if one is not MISSING][-1:]


def _newest(wanted: dict[str, Any], evidence: Evidence) -> list[Any]:
    every = evidence.objects(wanted["resource"], wanted.get("selector", ""))
    newest = max(every, key=lambda one: int(one["metadata"]["resourceVersion"]), default={})
    found = at(newest, wanted["path"])
    return [] if found is MISSING else [found]
