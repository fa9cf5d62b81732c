"""Evidence for `orrery why`, made by hand, and what must follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli.objects import parse_ref
from cli.why.evidence import Evidence, Said
from cli.why.findings import findings
from cli.why.why import render

JSON = dict[str, Any]


def obj(kind: str, name: str, spec: JSON | None = None, status: JSON | None = None, **metadata: Any) -> JSON:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": "7", **metadata}
    return {"kind": kind, "metadata": meta, "spec": spec or {}, "status": status or {}}


def pod(name: str = "web", node: str = "n1", status: JSON | None = None, **metadata: Any) -> JSON:
    return obj("Pod", name, {"nodeName": node, "containers": [{"name": "c"}]}, status, **metadata)


def state(waiting: JSON | None = None, ended: JSON | None = None, **more: Any) -> JSON:
    now = {"waiting": waiting} if waiting else {"terminated": ended} if ended else {"running": {}}
    return {"phase": "Running", "containerStatuses": [{"name": "c", "state": now, "ready": False, **more}]}


def ready(value: str = "True") -> JSON:
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": value}], "podIP": "10.0.0.1"}


def event(reason: str, message: str, kind: str = "Warning") -> JSON:
    return {
        "metadata": {"name": f"web.{reason}"},
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": "kubelet"},
    }


def decision(node: str, *lines: JSON, message: str = "") -> Said:
    return Said(
        "scheduler",
        "decision",
        {"uid": "uid-web", "node": node, "message": message, "nodes": list(lines), "left_out": 0},
    )


def scored(node: str, total: int) -> JSON:
    return {"node": node, "refused_by": "", "reasons": [], "scores": {"NodeResourcesFit": total}, "total": total}


def refused(node: str, plugin: str, reason: str) -> JSON:
    return {"node": node, "refused_by": plugin, "reasons": [reason], "scores": {}, "total": None}


def reconcile(controller: str, read: str = "", decided: str = "", error: str = "") -> JSON:
    return {
        "controller": controller,
        "key": "default/web",
        "at": 2.0,
        "seconds": 0.1,
        "error": error,
        "again": None,
        "read": read,
        "decided": decided,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "queue": "",
    }


NODE_OK = obj("Node", "n1", status=ready())
NODE_BAD = obj(
    "Node", "n1", status={"conditions": [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting."}]}
)


@dataclass
class Case:
    """Each of `says` must be in the text; none of `not_says`."""

    target: str
    evidence: JSON
    says: list[str]
    not_says: list[str] = field(default_factory=list)


def check(case: Case) -> None:
    evidence = Evidence(parse_ref(case.target, "default"), **{"obj": None, "now": 0.0, **case.evidence})
    text = render(evidence.ref, findings(evidence))
    for words in case.says:
        assert words in text, text
    for words in case.not_says:
        assert words not in text, text
