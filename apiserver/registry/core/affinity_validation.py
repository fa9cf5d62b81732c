"""What node and pod affinity must be. Also used for the node selectors of persistent volumes."""

from __future__ import annotations

from typing import Final

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, each, forbidden, invalid, label_selector, required

_NODE_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def validate_affinity(path: str, affinity: JSON) -> Errors:
    errors: Errors = []
    node = affinity.get("nodeAffinity") or {}
    if node.get(_REQUIRED) is not None:
        errors += validate_node_selector(f"{path}.nodeAffinity.{_REQUIRED}", node[_REQUIRED])
    errors += each(f"{path}.nodeAffinity.{_PREFERRED}", node.get(_PREFERRED), _preferred_node)
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        errors += each(f"{path}.{kind}.{_REQUIRED}", terms.get(_REQUIRED), _pod_term)
        errors += each(f"{path}.{kind}.{_PREFERRED}", terms.get(_PREFERRED), _preferred_pod)
    return errors


def validate_node_selector(path: str, selector: JSON) -> Errors:
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    return each(f"{path}.nodeSelectorTerms", terms, _node_term)


def _node_term(path: str, term: JSON) -> Errors:
    errors = each(f"{path}.matchExpressions", term.get("matchExpressions"), _node_expression)
    return errors + each(f"{path}.matchFields", term.get("matchFields"), _node_field)


def _node_expression(path: str, expression: JSON) -> Errors:
    operator, values = expression.get("operator"), expression.get("values") or []
    errors: Errors = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{path}.values", why))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", why))
    else:
        errors.append(invalid(f"{path}.operator", operator or "", "not a valid selector operator"))
    key = expression.get("key") or ""
    errors += [invalid(f"{path}.key", key, message) for message in names.qualified_name(key)]
    for index, value in enumerate(values):
        errors += [invalid(f"{path}.values[{index}]", value, message) for message in names.label_value(value)]
    return errors


def _node_field(path: str, expression: JSON) -> Errors:
    errors: Errors = []
    if len(expression.get("values") or ()) != 1:
        errors.append(
            required(
                f"{path}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            )
        )
    if expression.get("operator") not in ("In", "NotIn"):
        errors.append(invalid(f"{path}.operator", expression.get("operator") or "", "not a valid selector operator"))
    if expression.get("key") != "metadata.name":
        errors.append(invalid(f"{path}.key", expression.get("key") or "", "not a valid field selector key"))
    return errors


def _weight(path: str, value: int | None) -> Errors:
    return [] if value and 1 <= value <= 100 else [invalid(f"{path}.weight", value or 0, "must be in the range 1-100")]


def _preferred_node(path: str, term: JSON) -> Errors:
    return _weight(path, term.get("weight")) + _node_term(f"{path}.preference", term.get("preference") or {})


def _preferred_pod(path: str, term: JSON) -> Errors:
    return _weight(path, term.get("weight")) + _pod_term(f"{path}.podAffinityTerm", term.get("podAffinityTerm") or {})


def _pod_term(path: str, term: JSON) -> Errors:
    errors = label_selector(f"{path}.labelSelector", term.get("labelSelector"))
    errors += label_selector(f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for index, namespace in enumerate(term.get("namespaces") or ()):
        errors += [invalid(f"{path}.namespaces[{index}]", namespace, text) for text in names.dns1123_label(namespace)]
    key = term.get("topologyKey") or ""
    if not key:
        return [*errors, required(f"{path}.topologyKey", "can not be empty")]
    return errors + [invalid(f"{path}.topologyKey", key, message) for message in names.qualified_name(key)]
