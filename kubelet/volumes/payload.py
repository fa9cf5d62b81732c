"""What the files of ConfigMap, Secret and downward API volumes hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.pod import Pod
from api.volume import DownwardAPIFile, KeyToPath
from kubelet.downward import NodeFacts, UnknownField, field_value, resource_value
from kubelet.objects import Data, ObjectRef
from kubelet.volumes.base import File, Payload, VolumeError

DEFAULT_MODE = 0o644


def keys_payload(
    ref: ObjectRef, data: Data | None, items: Sequence[KeyToPath], mode: int | None, *, optional: bool
) -> Payload:
    """All keys, or those of `items` under their paths. Raises VolumeError for what is missing and not optional."""
    default = DEFAULT_MODE if mode is None else mode
    if data is None:
        if optional:
            return {}
        raise VolumeError(f'{ref.kind.lower()} "{ref.name}" not found')
    if not items:
        return {key: File(value, default) for key, value in data.items()}
    payload: Payload = {}
    for item in items:
        if item.key in data:
            payload[item.path] = File(data[item.key], default if item.mode is None else item.mode)
        elif not optional:
            kind = "config" if ref.kind == "ConfigMap" else "secret"
            raise VolumeError(f"references non-existent {kind} key: {item.key}")
    return payload


def downward_payload(
    pod: Pod, items: Sequence[DownwardAPIFile], mode: int | None, node: NodeFacts, pod_ips: tuple[str, ...]
) -> Payload:
    default = DEFAULT_MODE if mode is None else mode
    payload: Payload = {}
    for item in items:
        try:
            if item.field_ref is not None:
                text = field_value(pod, item.field_ref.field_path, node, pod_ips)
            elif item.resource_field_ref is not None:
                text = resource_value(pod, item.resource_field_ref, None, node)
            else:
                raise VolumeError(f"downward API file {item.path} names no field")
        except UnknownField as error:
            raise VolumeError(str(error)) from None
        payload[item.path] = File(text.encode(), default if item.mode is None else item.mode)
    return payload


def merged(parts: Sequence[Mapping[str, File]]) -> Payload:
    """Of a projected volume: later sources win."""
    whole: Payload = {}
    for part in parts:
        whole.update(part)
    return whole
