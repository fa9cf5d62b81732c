"""A container's environment. Pure: what it needs from the API is given to it.

Precedence: `env` over `envFrom` over Services; a later entry over an earlier one. Rules: API documentation of EnvVar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from api.container import Container, EnvVar, KeySelector
from api.pod import Pod
from kubelet.downward import NodeFacts, UnknownField, field_value, resource_value
from kubelet.expansion import expand
from kubelet.objects import Data, ObjectRef


class ConfigError(Exception):
    """The container cannot be made as it is written: what `CreateContainerConfigError` shows."""


@dataclass(frozen=True, slots=True)
class EnvInputs:
    """What the environment is made from. `objects` holds None for those that do not exist."""

    node: NodeFacts
    pod_ips: tuple[str, ...] = ()
    objects: Mapping[ObjectRef, Data | None] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


def needed_objects(container: Container) -> Iterator[ObjectRef]:
    for source in container.env_from:
        if source.config_map_ref is not None:
            yield ObjectRef("ConfigMap", source.config_map_ref.name)
        if source.secret_ref is not None:
            yield ObjectRef("Secret", source.secret_ref.name)
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.config_map_key_ref is not None:
            yield ObjectRef("ConfigMap", variable.value_from.config_map_key_ref.name)
        if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
            yield ObjectRef("Secret", variable.value_from.secret_key_ref.name)


def environment(pod: Pod, container: Container, given: EnvInputs) -> dict[str, str]:
    """Names and values, as the process will see them. Raises ConfigError."""
    found: dict[str, str] = {}
    for source in container.env_from:
        for kind, ref in (("ConfigMap", source.config_map_ref), ("Secret", source.secret_ref)):
            if ref is not None:
                data = _object(given, ObjectRef(kind, ref.name), optional=ref.optional)
                found |= {source.prefix + key: _text(value) for key, value in data.items()}
    for variable in container.env:
        value = _value(pod, container, variable, given, found)
        if value is not None:
            found[variable.name] = value
    return {name: value for name, value in given.services.items() if name not in found} | found


def _value(pod: Pod, container: Container, variable: EnvVar, given: EnvInputs, so_far: Mapping[str, str]) -> str | None:
    """None for an optional key that is not there."""
    source = variable.value_from
    if source is None:
        return expand(variable.value, {**given.services, **so_far})
    try:
        if source.field_ref is not None:
            return field_value(pod, source.field_ref.field_path, given.node, given.pod_ips)
        if source.resource_field_ref is not None:
            return resource_value(pod, source.resource_field_ref, container, given.node)
    except UnknownField as error:
        raise ConfigError(str(error)) from None
    if source.config_map_key_ref is not None:
        return _key(pod, "ConfigMap", source.config_map_key_ref, given)
    if source.secret_key_ref is not None:
        return _key(pod, "Secret", source.secret_key_ref, given)
    raise ConfigError(f'environment variable "{variable.name}": its source is of an unsupported kind')


def _key(pod: Pod, kind: str, ref: KeySelector, given: EnvInputs) -> str | None:
    data = _object(given, ObjectRef(kind, ref.name), optional=ref.optional)
    if ref.key in data:
        return _text(data[ref.key])
    if ref.optional:
        return None
    raise ConfigError(f"couldn't find key {ref.key} in {kind} {pod.namespace}/{ref.name}")


def _object(given: EnvInputs, ref: ObjectRef, *, optional: bool) -> Data:
    data = given.objects.get(ref)
    if data is None and not optional:
        raise ConfigError(f'{ref.kind.lower()} "{ref.name}" not found')
    return data or {}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
