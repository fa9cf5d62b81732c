"""What an answer needs to know, asked of the apiserver, of etcd's history and of every component."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from apimachinery.clock import ClockState
from apimachinery.errors import ApiError
from apimachinery.resources import GVR, join_key
from cli.debugging.fleet import Answers, Fleet, open_fleet
from cli.debugging.hidden import is_hidden, notice
from cli.debugging.timeline import now_on
from cli.errors import UserError
from cli.objects import Ref
from cli.tracing.trace import open_api
from cli.why.evidence import JSON, Evidence, HeldMessage, Past, RuleInForce, Said
from cli.why.history import left_in, past_of
from cli.why.words import last_words
from client.api import ApiClient
from proto import debug_pb2

PODS: Final = GVR("", "v1", "pods")
NODES: Final = GVR("", "v1", "nodes")
EVENTS: Final = GVR("", "v1", "events")
SETS: Final = GVR("apps", "v1", "replicasets")
SLICES: Final = GVR("discovery.k8s.io", "v1", "endpointslices")
JOBS: Final = GVR("batch", "v1", "jobs")
LEASES: Final = GVR("coordination.k8s.io", "v1", "leases")
CLAIMS: Final = GVR("", "v1", "persistentvolumeclaims")
VOLUMES: Final = GVR("", "v1", "persistentvolumes")
CLASSES: Final = GVR("storage.k8s.io", "v1", "storageclasses")
NODE_NAMESPACE: Final = "default"  # where Events about objects without a namespace are
LEASE_NAMESPACE: Final = "kube-node-lease"


async def gather(name: str, ref: Ref) -> Evidence:
    """Raises UserError if the cluster does not run, or its apiserver does not answer."""
    async with open_fleet(name) as fleet, open_api(fleet) as api:
        objects, (held, held_away), rules, line = await asyncio.gather(
            _objects(api, ref), _held(fleet), _rules(fleet), _line(fleet)
        )
        obj = objects["obj"]
        uid = (obj or {}).get("metadata", {}).get("uid", "")
        (said, away), words, past, left = await asyncio.gather(
            _said(fleet, ref, uid), last_words(fleet, ref, obj), _past(name, ref, obj), left_in(name, ref, obj)
        )
        notes = {one.name: one.note for one in fleet.cluster.processes() if one.note}
        hidden = notice(fleet.paths)
    return Evidence(
        ref,
        now=now_on(line, time.monotonic()),
        rate=line.rate,
        held=held,
        rules=rules,
        said=said,
        away={**held_away, **away},
        notes=notes,
        hidden=hidden,
        words=words,
        past=past,
        left=left,
        **objects,
    )


async def _past(name: str, ref: Ref, obj: JSON | None) -> Past | None:
    """Only of what is gone or going."""
    if obj is not None and not obj["metadata"].get("deletionTimestamp"):
        return None
    return await past_of(name, ref)


# --- the apiserver


async def _objects(api: ApiClient, ref: Ref) -> dict[str, Any]:
    """Fields of Evidence. Events outlive their object."""
    found: dict[str, Any] = {"obj": None}
    try:
        found["obj"] = await api.get_raw(ref.gvr, ref.name, ref.namespace)
    except ApiError as error:
        if error.code != 404:
            raise UserError(f"the apiserver: {error.message}") from None
    selected = f"involvedObject.name={ref.name},involvedObject.kind={ref.kind}"
    found["events"] = await _list(api, EVENTS, ref.namespace or NODE_NAMESPACE, field_selector=selected)
    if found["obj"] is None:
        return found
    uid = found["obj"]["metadata"]["uid"]
    found["events"] = [one for one in found["events"] if one["involvedObject"].get("uid") in (uid, ref.name, None)]
    return {**found, **await _around(api, ref, found["obj"])}


async def _around(api: ApiClient, ref: Ref, obj: JSON) -> dict[str, Any]:
    """Other objects that an answer about this one may need."""
    resource, namespace = ref.gvr.resource, ref.namespace
    found: dict[str, Any] = {}
    if resource == "nodes":
        found["pods"] = await _list(api, PODS, field_selector=f"spec.nodeName={ref.name}")
    elif namespace and resource != "pods":
        found["pods"] = await _list(api, PODS, namespace)
    if resource == "pods":
        found["nodes"] = await _list(api, NODES)
    if resource == "services":
        selector = f"kubernetes.io/service-name={ref.name}"
        found["slices"] = await _list(api, SLICES, namespace, label_selector=selector)
    if resource == "deployments":
        found["sets"] = await _list(api, SETS, namespace)
    found["related"] = await _related(api, ref, obj)
    return found


async def _related(api: ApiClient, ref: Ref, obj: JSON) -> dict[str, list[JSON]]:
    match ref.gvr.resource:
        case "nodes":
            leases = await _list(api, LEASES, LEASE_NAMESPACE, field_selector=f"metadata.name={ref.name}")
            return {"leases": leases}
        case "pods" if claims_of(obj):
            every = await _list(api, CLAIMS, ref.namespace)
            return {"persistentvolumeclaims": [one for one in every if one["metadata"]["name"] in claims_of(obj)]}
        case "persistentvolumeclaims" | "persistentvolumes":
            return {"persistentvolumes": await _list(api, VOLUMES), "storageclasses": await _list(api, CLASSES)}
        case "cronjobs":
            return {"jobs": await _list(api, JOBS, ref.namespace)}
    return {}


def claims_of(pod: JSON) -> list[str]:
    """Names of the claims that a pod uses."""
    volumes = pod.get("spec", {}).get("volumes") or []
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")]


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
        HeldMessage(
            component, one.edge, one.kind, one.namespace, one.name, one.rule_id, one.seconds, one.id, one.detail
        )
        for component, answer in sorted(answers.got.items())
        for one in answer.held
        if not is_hidden(one.rule_id)
    ]
    return found, answers.missing


async def _rules(fleet: Fleet) -> list[RuleInForce]:
    answers = await fleet.ask(lambda stub: stub.ListRules(debug_pb2.ListRulesRequest()))
    return [
        _rule(component, one)
        for component, answer in sorted(answers.got.items())
        for one in answer.rules
        if not is_hidden(one.id)
    ]


def _rule(component: str, one: debug_pb2.Rule) -> RuleInForce:
    held = one.action == debug_pb2.Rule.HOLD
    action = "hold" if held else f"fault ({debug_pb2.Rule.Action.Name(one.action).lower()})"
    name = join_key(one.namespace, one.name) if one.name else ""
    return RuleInForce(component, one.edge, action, one.id, name, one.taken, one.count)


async def _line(fleet: Fleet) -> ClockState:
    """The furthest of what the components show: one may not have heard of the last change yet."""
    answers = await fleet.ask(lambda stub: stub.GetClock(debug_pb2.GetClockRequest()))
    lines = [ClockState(one.monotonic, one.cluster_time, one.rate) for one in answers.got.values()]
    real = ClockState(time.monotonic(), time.time(), 1.0)
    return max(lines, key=lambda line: now_on(line, time.monotonic()), default=real)
