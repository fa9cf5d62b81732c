"""Findings about a Service and its endpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cli.why.containers import container_problem
from cli.why.evidence import JSON, Evidence, Finding, cited, condition, version

NEAREST = 3  # pods shown that nearly match


def endpoints(evidence: Evidence) -> Iterator[Finding]:
    service = evidence.obj or {}
    spec = service.get("spec", {})
    if spec.get("type") == "ExternalName":
        yield Finding(f"It has no endpoints: it is a name for {spec.get('externalName')}.", (version(service),))
        return
    selector: dict[str, str] = spec.get("selector") or {}
    yield from _present(evidence, service)
    if not selector:
        yield Finding("It has no selector: whoever made it must write its EndpointSlices.", (version(service),))
        return
    matching = [pod for pod in evidence.pods if selector.items() <= _labels(pod).items()]
    if not matching:
        yield _nothing_selected(evidence, service, selector)
        return
    for pod in matching:
        problem = _left_out(pod, service)
        if problem:
            yield Finding(f"Pod {pod['metadata']['name']} is selected but takes no traffic: {problem}", _proof(pod))
    for port in spec.get("ports") or []:
        yield from _port(service, port, matching)


def _present(evidence: Evidence, service: JSON) -> Iterator[Finding]:
    lines = []
    for one in evidence.slices:
        ports = ", ".join(str(port.get("port")) for port in one.get("ports") or []) or "no ports"
        for endpoint in one.get("endpoints") or []:
            ready = (endpoint.get("conditions") or {}).get("ready")
            target = (endpoint.get("targetRef") or {}).get("name", "no pod")
            state = "ready" if ready in (True, None) else "NOT ready"
            lines.append(f"{', '.join(endpoint['addresses'])} port {ports}: {target}, {state}")
    taking = sum("NOT ready" not in line for line in lines)
    those = "endpoint that takes" if taking == 1 else "endpoints that take"
    text = f"It has {taking or 'no'} {those if taking else 'endpoint that takes'} traffic."
    proof = tuple(version(one) for one in evidence.slices) or (f"{version(service)}, no EndpointSlice",)
    yield Finding(text, proof, tuple(lines))


def _nothing_selected(evidence: Evidence, service: JSON, selector: dict[str, str]) -> Finding:
    wanted = ", ".join(f"{key}={value}" for key, value in selector.items())
    text = f"Its selector {wanted} matches no pod of namespace {evidence.ref.namespace}."
    ranked = sorted(evidence.pods, key=lambda pod: (_misses(pod, selector), pod["metadata"]["name"]))[:NEAREST]
    lines = []
    for pod in ranked:
        labels = _labels(pod)
        wrong = [
            f"{key} is {labels[key]}, not {value}" if key in labels else f"{key} is missing"
            for key, value in selector.items()
            if labels.get(key) != value
        ]
        lines.append(f"nearest: pod {pod['metadata']['name']}: {'; '.join(wrong)}")
    return Finding(text, (version(service), *map(version, ranked)), tuple(lines) or ("there is no pod at all",))


def _misses(pod: JSON, selector: dict[str, str]) -> tuple[int, int]:
    """How many labels differ, and how many of them are not even there."""
    labels = _labels(pod)
    return sum(labels.get(k) != v for k, v in selector.items()), sum(k not in labels for k in selector)


def _labels(pod: JSON) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _proof(pod: JSON) -> tuple[str, ...]:
    return (cited(pod, "Ready"),)


def _left_out(pod: JSON, service: JSON) -> str:
    """Why a selected pod is no ready endpoint, "" if it is one."""
    status = pod.get("status", {})
    if pod["metadata"].get("deletionTimestamp"):
        return "it is being deleted."
    if status.get("phase") in ("Succeeded", "Failed"):
        return f"it has ended ({status['phase']})."
    if not pod["spec"].get("nodeName"):
        return f"it has no node yet; orrery why pod/{pod['metadata']['name']} says why."
    if not status.get("podIP"):
        return "it has no address yet."
    if condition(pod, "Ready").get("status") == "True" or service["spec"].get("publishNotReadyAddresses"):
        return ""
    problems = [found for one in status.get("containerStatuses") or [] if (found := container_problem(one))]
    return "it is not Ready. " + " ".join(problems)


def _port(service: JSON, port: JSON, pods: list[JSON]) -> Iterator[Finding]:
    target = port.get("targetPort", port["port"])
    if not isinstance(target, str):
        yield from _undeclared(service, port, target, pods)
        return
    without = [pod for pod in pods if target not in _port_names(pod)]
    if without:
        named = sorted({name for pod in without for name in _port_names(pod)})
        text = f"Its port {port.get('port')} goes to the container port named {target}, which "
        text += f"{len(without)} of {len(pods)} selected pods do not have; they name {', '.join(named) or 'no port'}."
        yield Finding(text, (version(service), *map(version, without[:NEAREST])))


def _undeclared(service: JSON, port: JSON, target: object, pods: list[JSON]) -> Iterator[Finding]:
    """A number that no container speaks of is most often a mistake; it need not be one."""
    declared = {one["containerPort"] for pod in pods for one in _ports(pod)}
    if declared and target not in declared:
        named = ", ".join(map(str, sorted(declared)))
        text = f"Its port {port.get('port')} goes to port {target} of the pods, which declare {named} only."
        yield Finding(text, (version(service), *map(version, pods[:NEAREST])))


def _ports(pod: JSON) -> list[JSON]:
    return [port for one in pod["spec"].get("containers") or [] for port in one.get("ports") or []]


def _port_names(pod: JSON) -> set[str]:
    return {port["name"] for port in _ports(pod) if port.get("name")}
