"""`orrery why OBJECT`: gathers the evidence and shows what follows from it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from apimachinery.clock import ClockState
from apimachinery.errors import ApiError
from apimachinery.resources import GVR, join_key
from cli.debugging.fleet import Answers, Fleet, open_fleet
from cli.debugging.hidden import is_hidden, notice
from cli.debugging.timeline import now_on
from cli.objects import Ref, parse_ref
from cli.tracing.trace import open_api
from cli.why.evidence import JSON, Evidence, Finding, HeldMessage, RuleInForce, Said
from cli.why.findings import findings
from client.api import ApiClient
from proto import debug_pb2

PODS = GVR("", "v1", "pods")
NODES = GVR("", "v1", "nodes")
EVENTS = GVR("", "v1", "events")
SETS = GVR("apps", "v1", "replicasets")
SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")
NODE_NAMESPACE = "default"  # where Events about objects without a namespace are


async def why(name: str, target: str, namespace: str) -> str:
    """As text. Raises UserError if `target` names no kind, or the cluster does not run."""
    evidence = await _gather(name, parse_ref(target, namespace))
    return render(evidence.ref, findings(evidence))


async def why_tree(name: str, target: str, namespace: str) -> list[JSON]:
    """As JSON."""
    return [asdict(one) for one in findings(await _gather(name, parse_ref(target, namespace)))]


def render(ref: Ref, found: list[Finding]) -> str:
    lines = [ref.shown + (f" in namespace {ref.namespace}" if ref.namespace else "")]
    for one in found:
        lines.append(f"- {one.text}")
        lines += [f"    {detail}" for detail in one.details]
        if one.evidence:
            lines.append(f"    evidence: {'; '.join(one.evidence)}")
    return "\n".join(lines)


async def _gather(name: str, ref: Ref) -> Evidence:
    async with open_fleet(name) as fleet, open_api(fleet) as api:
        objects, (held, held_away), rules, now = await asyncio.gather(
            _objects(api, ref), _held(fleet), _rules(fleet), _now(fleet)
        )
        uid = (objects["obj"] or {}).get("metadata", {}).get("uid", "")
        said, away = await _said(fleet, ref, uid)
        hidden = notice(fleet.paths)
    away = {**held_away, **away}
    return Evidence(ref, now=now, held=held, rules=rules, said=said, away=away, hidden=hidden, **objects)


# --- the apiserver


async def _objects(api: ApiClient, ref: Ref) -> dict[str, Any]:
    """Fields of Evidence. An apiserver that is away is among those that gave no answer; then nothing is known here."""
    found: dict[str, Any] = {"obj": None}
    try:
        found["obj"] = await api.get_raw(ref.gvr, ref.name, ref.namespace)
    except ApiError as error:
        if error.code != 404:
            raise _unreachable(error) from None
        return found
    uid = found["obj"]["metadata"]["uid"]
    found["events"] = await _list(
        api,
        EVENTS,
        ref.namespace or NODE_NAMESPACE,
        field_selector=f"involvedObject.name={ref.name}",
    )
    found["events"] = [one for one in found["events"] if one["involvedObject"].get("uid") in (uid, ref.name, None)]
    resource = ref.gvr.resource
    if resource == "pods":
        found["nodes"] = await _list(api, NODES)
    elif resource == "nodes":
        found["pods"] = await _list(api, PODS, field_selector=f"spec.nodeName={ref.name}")
    elif ref.namespace:
        found["pods"] = await _list(api, PODS, ref.namespace)
    if resource == "services":
        found["slices"] = await _list(
            api, SLICES, ref.namespace, label_selector=f"kubernetes.io/service-name={ref.name}"
        )
    if resource == "deployments":
        found["sets"] = await _list(api, SETS, ref.namespace)
    return found


def _unreachable(error: ApiError) -> Exception:
    from cli.errors import UserError

    return UserError(f"the apiserver: {error.message}")


async def _list(api: ApiClient, gvr: GVR, namespace: str = "", **selectors: str) -> list[JSON]:
    items, _ = await api.list_raw(gvr, namespace=namespace, **selectors)
    return items


# --- every component


async def _said(fleet: Fleet, ref: Ref, uid: str) -> tuple[list[Said], dict[str, str]]:
    """By name, and by uid: some controllers' keys are that."""
    resource = ref.gvr.resource
    by_name = debug_pb2.ExplainRequest(resource=resource, namespace=ref.namespace, name=ref.name)
    asked = [by_name] + ([debug_pb2.ExplainRequest(resource=resource, name=uid)] if uid else [])

    async def ask(request: debug_pb2.ExplainRequest) -> Answers[debug_pb2.ExplainResponse]:
        return await fleet.ask(lambda stub: stub.Explain(request))

    answers = [await ask(one) for one in asked]
    return [said for one in answers for said in _unpacked(one)], answers[0].missing


def _unpacked(answers: Answers[debug_pb2.ExplainResponse]) -> Iterator[Said]:
    for component, answer in sorted(answers.got.items()):
        for one in answer.explanations:
            yield Said(component, one.topic, json.loads(one.json))


async def _held(fleet: Fleet) -> tuple[list[HeldMessage], dict[str, str]]:
    answers = await fleet.ask(lambda stub: stub.ListHeld(debug_pb2.ListHeldRequest()))
    found = [
        HeldMessage(component, one.edge, one.kind, one.namespace, one.name, one.rule_id, one.seconds)
        for component, answer in sorted(answers.got.items())
        for one in answer.held
        if not is_hidden(one.rule_id)
    ]
    return found, answers.missing


async def _rules(fleet: Fleet) -> list[RuleInForce]:
    answers = await fleet.ask(lambda stub: stub.ListRules(debug_pb2.ListRulesRequest()))
    return [
        RuleInForce(
            component,
            one.edge,
            "hold"
            if one.action == debug_pb2.Rule.HOLD
            else f"fault ({debug_pb2.Rule.Action.Name(one.action).lower()})",
            one.id,
            join_key(one.namespace, one.name) if one.name else "",
            one.taken,
        )
        for component, answer in sorted(answers.got.items())
        for one in answer.rules
        if not is_hidden(one.id)
    ]


async def _now(fleet: Fleet) -> float:
    answers = await fleet.ask(lambda stub: stub.GetClock(debug_pb2.GetClockRequest()))
    lines = [ClockState(one.monotonic, one.cluster_time, one.rate) for one in answers.got.values()]
    return max((now_on(line, time.monotonic()) for line in lines), default=0.0)
