"""Objects as people name them, `pod/web-1` or `pods/shop/web-1`, and where etcd keeps them. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.builtin import BUILTIN
from cli.debugging.near import did_you_mean
from cli.errors import UserError
from cli.short_names import SHORT_NAMES
from wire.rules import fold_kind

REGISTRY: Final = "/registry/"

_CLUSTER_WIDE: Final = frozenset({
    "nodes", "namespaces", "persistentvolumes", "clusterroles", "clusterrolebindings", "storageclasses",
    "priorityclasses", "customresourcedefinitions", "apiservices", "certificatesigningrequests", "runtimeclasses",
    "ingressclasses", "csidrivers", "csinodes", "volumeattachments", "validatingwebhookconfigurations",
    "mutatingwebhookconfigurations", "validatingadmissionpolicies", "flowschemas", "prioritylevelconfigurations",
})  # fmt: skip
_KEY_PREFIXES: Final = {
    "services": "services/specs",
    "endpoints": "services/endpoints",
    "nodes": "minions",
    "replicationcontrollers": "controllers",
    "ingresses": "ingress",
    "customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
    "apiservices": "apiregistration.k8s.io/apiservices",
}


class Named(NamedTuple):
    """`resource` is a plural, with its group behind a dot where a custom resource is meant. "" is any, in patterns."""

    resource: str
    namespace: str
    name: str

    @property
    def kind(self) -> str:
        """Without the group."""
        return self.resource.partition(".")[0]


def parse_object(text: str) -> Named:
    """`kind/name` (in namespace default), `kind/namespace/name`, or `kind`. Raises UserError."""
    kind, *rest = text.split("/")
    if not kind or len(rest) > 2 or not all(rest):
        raise UserError(f"{text!r} names no object; write pod/web-1 or pod/my-namespace/web-1")
    resource = plural(kind)
    if not rest:
        return Named(resource, "", "")
    if len(rest) == 2:
        return Named(resource, rest[0], rest[1])
    return Named(resource, "" if resource in _CLUSTER_WIDE else "default", rest[0])


def plural(kind: str) -> str:
    """The resource of a kind, a short name or a plural; patterns stay as they are."""
    lower = kind.lower()
    if lower in SHORT_NAMES:
        return SHORT_NAMES[lower]
    if any(sign in kind for sign in "*?[."):
        return lower
    single = fold_kind(lower)
    if single in ("endpoint", "endpoints"):
        return "endpoints"
    if single.endswith("y") and single[-2:-1] not in "aeiou":
        return single[:-1] + "ies"
    return single + ("es" if single.endswith(("s", "x", "ch", "sh")) else "s")


def etcd_key(text: str) -> str:
    """A key as it is, or that of an object as people name it."""
    if text.startswith("/"):
        return text
    named = parse_object(text)
    if not named.name:
        raise UserError(f"{text!r} is no key and no object; write /registry/pods/default/web-1 or pod/web-1")
    return REGISTRY + "/".join(part for part in (_prefix(named.resource), named.namespace, named.name) if part)


def etcd_prefix(text: str) -> str:
    """The beginning of keys: as it is, or of a kind, of a kind in a namespace, of one object. "" is all.

    `pods/shop` is what is in namespace shop, where `etcd_key` would take it for a pod of that name.
    """
    if not text or text.startswith("/"):
        return text
    kind, *rest = text.split("/")
    end = "/" if len(rest) == 1 and plural(kind) not in _CLUSTER_WIDE else ""
    return "/".join([REGISTRY + _prefix(plural(kind)), *(rest or [""])]) + end


def near_kinds(text: str) -> str:
    """The end of a sentence that found nothing: is the kind in `text` mistyped? Custom resources have any name."""
    if text.startswith("/"):
        return ""
    kind = text.partition("/")[0]
    if "." in kind or plural(kind) in {one.gvr.resource for one in BUILTIN}:
        return ""
    known = [word for one in BUILTIN for word in (one.kind.lower(), one.gvr.resource)]
    return f"; {kind} is no built-in kind{did_you_mean(kind, known)}"


def _prefix(resource: str) -> str:
    plain, _, group = resource.partition(".")
    return f"{group}/{plain}" if group else _KEY_PREFIXES.get(resource, resource)
