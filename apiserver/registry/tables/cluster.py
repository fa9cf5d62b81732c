"""Tables of nodes, namespaces, events, configuration and service accounts."""

from __future__ import annotations

from apiserver.registry.tables.cells import (
    AGE,
    CREATED_AT,
    JSON,
    NAME,
    NONE,
    UNKNOWN,
    Cells,
    Column,
    Table,
    age,
    condition,
    human_duration,
    joined,
    metadata,
    name,
    number,
    since,
    spec,
    status,
    wide,
)

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def _node(obj: JSON, now: float) -> Cells:
    info = status(obj).get("nodeInfo") or {}
    ready = condition(obj, "Ready")
    words = ["Unknown" if not ready else "Ready" if ready == "True" else "NotReady"]
    if spec(obj).get("unschedulable"):
        words.append("SchedulingDisabled")
    return [
        name(obj),
        joined(words),
        joined(_roles(obj), empty=NONE),
        age(obj, now),
        info.get("kubeletVersion") or "",
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _roles(obj: JSON) -> list[str]:
    given = metadata(obj).get("labels") or {}
    roles = {key.removeprefix(ROLE_PREFIX) for key in given if key.startswith(ROLE_PREFIX)}
    roles.add(given.get(ROLE_LABEL, ""))
    return sorted(role for role in roles if role)


def _address(obj: JSON, kind: str) -> str:
    found = (one for one in status(obj).get("addresses") or () if one.get("type") == kind)
    return next((str(one.get("address")) for one in found), NONE)


def _namespace(obj: JSON, now: float) -> Cells:
    return [name(obj), status(obj).get("phase") or "", age(obj, now)]


def _event(obj: JSON, now: float) -> Cells:
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    series = obj.get("series")
    if series:
        last, count = series.get("lastObservedTime") or last, series.get("count") or count
    kind = (about.get("kind") or "").lower()
    return [
        since(last, now),
        obj.get("type") or "",
        obj.get("reason") or "",
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath") or "",
        _source(obj),
        (obj.get("message") or obj.get("note") or "").strip(),
        since(first, now),
        int(count),
        name(obj),
    ]


def _source(obj: JSON) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    return f"{component}, {host}" if component and host else component


def _configmap(obj: JSON, now: float) -> Cells:
    return [name(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now)]


def _secret(obj: JSON, now: float) -> Cells:
    return [name(obj), obj.get("type") or "", len(obj.get("data") or ()), age(obj, now)]


def _serviceaccount(obj: JSON, now: float) -> Cells:
    return [name(obj), len(obj.get("secrets") or ()), age(obj, now)]


def _quota(obj: JSON, now: float) -> Cells:
    hard, used = status(obj).get("hard") or {}, status(obj).get("used") or {}
    shown: dict[bool, list[str]] = {False: [], True: []}
    for resource in sorted(hard):
        shown[resource.startswith("limits.")].append(f"{resource}: {used.get(resource, '0')}/{hard[resource]}")
    return [name(obj), ", ".join(shown[False]), ", ".join(shown[True]), age(obj, now)]


def _priorityclass(obj: JSON, now: float) -> Cells:
    is_default, policy = bool(obj.get("globalDefault")), obj.get("preemptionPolicy") or ""
    return [name(obj), int(obj.get("value") or 0), is_default, age(obj, now), policy]


def _lease(obj: JSON, now: float) -> Cells:
    return [name(obj), spec(obj).get("holderIdentity") or "", age(obj, now)]


def _runtimeclass(obj: JSON, now: float) -> Cells:
    return [name(obj), obj.get("handler") or "", age(obj, now)]


def _created(obj: JSON, now: float) -> Cells:
    return [name(obj), metadata(obj).get("creationTimestamp") or ""]


def _component_status(obj: JSON, now: float) -> Cells:
    found: JSON = next((one for one in obj.get("conditions") or () if one.get("type") == "Healthy"), {})
    state = {"True": "Healthy", "False": "Unhealthy"}.get(str(found.get("status")), "Unknown")
    return [name(obj), state, found.get("message") or "", found.get("error") or ""]


def _csr(obj: JSON, now: float) -> Cells:
    seconds = spec(obj).get("expirationSeconds")
    return [
        name(obj),
        age(obj, now),
        spec(obj).get("signerName") or NONE,
        spec(obj).get("username") or "",
        NONE if seconds is None else human_duration(seconds),
        _csr_condition(obj),
    ]


def _csr_condition(obj: JSON) -> str:
    kinds = {one.get("type") for one in status(obj).get("conditions") or ()}
    words = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    words += ",Failed" if "Failed" in kinds else ""
    return words + (",Issued" if status(obj).get("certificate") else "")


def _apiservice(obj: JSON, now: float) -> Cells:
    service = spec(obj).get("service")
    found: JSON = next((one for one in status(obj).get("conditions") or () if one.get("type") == "Available"), {})
    state = str(found.get("status") or "Unknown")
    if state != "True" and found.get("reason"):
        state = f"{state} ({found['reason']})"
    return [name(obj), f"{service['namespace']}/{service['name']}" if service else "Local", state, age(obj, now)]


def _flowschema(obj: JSON, now: float) -> Cells:
    found = spec(obj)
    method = (found.get("distinguisherMethod") or {}).get("type") or NONE
    missing = condition(obj, "Dangling") or "?"
    level = (found.get("priorityLevelConfiguration") or {}).get("name") or ""
    return [name(obj), level, int(found.get("matchingPrecedence") or 0), method, age(obj, now), missing]


def _prioritylevel(obj: JSON, now: float) -> Cells:
    limited = spec(obj).get("limited") or spec(obj).get("exempt") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    numbers = [limited.get("nominalConcurrencyShares"), *(queuing.get(key) for key in _QUEUE_KEYS)]
    shown = [NONE if value is None else value for value in numbers]
    return [name(obj), spec(obj).get("type") or "", *shown, age(obj, now)]


_QUEUE_KEYS = ("queues", "handSize", "queueLengthLimit")

_EVENT = Table(
    (
        Column("Last Seen", "Time since it last happened."),
        Column("Type", "Normal or Warning."),
        Column("Reason", "Why, in one word for programs."),
        Column("Object", "What it happened to."),
        wide("Subobject", "Which part of the object."),
        wide("Source", "Who reports it."),
        Column("Message", "What happened, for people."),
        wide("First Seen", "Time since it first happened."),
        wide("Count", "How often it happened.", "integer"),
        Column("Name", "Name of the event.", format="name", priority=1),
    ),
    _event,
)

TABLES = {
    ("", "Node"): Table(
        (
            NAME,
            Column("Status", "Whether the node is ready, and may be given pods."),
            Column("Roles", "What the node is for."),
            AGE,
            Column("Version", "Version of its kubelet."),
            wide("Internal-IP", "Address within the cluster."),
            wide("External-IP", "Address from outside."),
            wide("OS-Image", "Operating system."),
            wide("Kernel-Version", "Version of its kernel."),
            wide("Container-Runtime", "What runs its containers."),
        ),
        _node,
    ),
    ("", "Namespace"): Table((NAME, Column("Status", "Active, or Terminating while it is emptied."), AGE), _namespace),
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _EVENT,
    ("", "ConfigMap"): Table((NAME, number("Data", "Number of entries."), AGE), _configmap),
    ("", "Secret"): Table(
        (NAME, Column("Type", "What the secret is for."), number("Data", "Number of entries."), AGE), _secret
    ),
    ("", "ServiceAccount"): Table((NAME, number("Secrets", "Secrets its pods may use."), AGE), _serviceaccount),
    ("", "ResourceQuota"): Table(
        (
            NAME,
            Column("Request", "Used and allowed, of what is requested or counted."),
            Column("Limit", "Used and allowed, of limits."),
            AGE,
        ),
        _quota,
    ),
    ("", "LimitRange"): Table((NAME, CREATED_AT), _created),
    ("", "ComponentStatus"): Table(
        (
            NAME,
            Column("Status", "Whether the component is healthy."),
            Column("Message", "What it says."),
            Column("Error", "What went wrong in asking."),
        ),
        _component_status,
    ),
    ("scheduling.k8s.io", "PriorityClass"): Table(
        (
            NAME,
            number("Value", "Priority of its pods."),
            Column("Global-Default", "Whether pods that name no class get this one.", "boolean"),
            AGE,
            Column("PreemptionPolicy", "Whether its pods may displace others."),
        ),
        _priorityclass,
    ),
    ("coordination.k8s.io", "Lease"): Table((NAME, Column("Holder", "Who holds the lease."), AGE), _lease),
    ("node.k8s.io", "RuntimeClass"): Table(
        (NAME, Column("Handler", "The runtime's own name for the class."), AGE), _runtimeclass
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): Table(
        (
            NAME,
            AGE,
            Column("SignerName", "Who is asked to sign."),
            Column("Requestor", "Who asks."),
            Column("RequestedDuration", "For how long the certificate should hold."),
            Column("Condition", "Pending, approved or denied, and whether issued."),
        ),
        _csr,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): Table((NAME, CREATED_AT), _created),
    ("apiregistration.k8s.io", "APIService"): Table(
        (
            NAME,
            Column("Service", "Who serves this API."),
            Column("Available", "Whether it answers."),
            AGE,
        ),
        _apiservice,
    ),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): Table(
        (
            NAME,
            Column("PriorityLevel", "Where its requests are queued."),
            number("MatchingPrecedence", "Lower ones are tried first."),
            Column("DistinguisherMethod", "What makes a flow of requests."),
            AGE,
            Column("MissingPL", "Whether that priority level does not exist."),
        ),
        _flowschema,
    ),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): Table(
        (
            NAME,
            Column("Type", "Whether the level is limited."),
            Column("NominalConcurrencyShares", "Its share of the server's seats."),
            Column("Queues", "Number of queues."),
            Column("HandSize", "Queues that one flow may use."),
            Column("QueueLengthLimit", "Requests that may wait in a queue."),
            AGE,
        ),
        _prioritylevel,
    ),
}
