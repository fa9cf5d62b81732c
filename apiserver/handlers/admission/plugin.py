"""What plugins have in common: doing nothing, asking what a request is about, refusing it, looking things up."""

from __future__ import annotations

from typing import Final

from apimachinery.errors import ApiError, forbidden
from apimachinery.resources import GVR
from apiserver.handlers.admission import AdmissionRequest
from apiserver.registry.request import JSON

PODS: Final = ("", "pods")
NAMESPACES: Final = GVR("", "v1", "namespaces")


class Plugin:
    """A plugin that lets everything pass as it is."""

    name = ""

    async def mutate(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        return


def resource_of(request: AdmissionRequest) -> tuple[str, str]:
    """(group, resource)."""
    return request.gvr.group, request.gvr.resource


def is_about(request: AdmissionRequest, resource: tuple[str, str], *verbs: str, subresource: str = "") -> bool:
    """Whether the request does one of `verbs` to that resource itself (or to that subresource)."""
    return (
        request.verb in verbs and (request.gvr.group, request.gvr.resource) == resource
        and request.subresource == subresource
    )  # fmt: skip


def refuse(request: AdmissionRequest, why: str) -> ApiError:
    """403, worded `pods "web" is forbidden: ...`."""
    name = request.name or ((request.obj or {}).get("metadata") or {}).get("name") or ""
    return forbidden(request.gvr.group, request.gvr.resource, name, why)


async def find(request: AdmissionRequest, gvr: GVR, namespace: str, name: str) -> JSON | None:
    """From the cache, or from etcd if the cache does not know it: it may have been made a moment ago."""
    return request.reader.get(gvr, namespace, name) or await request.reader.fetch(gvr, namespace, name)
