"""Webhook configurations: whom to ask about a write."""

from __future__ import annotations

from typing import Final

from apimachinery import names
from apiserver.registry.checks import JSON, Errors, duplicate, enum, in_range, invalid, label_selector, required
from apiserver.registry.strategy import Strategy

OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES: Final = ("*", "Cluster", "Namespaced")


class WebhookStrategy(Strategy):
    tracks_generation = True
    allow_unconditional_update = False

    def __init__(self, *, mutating: bool) -> None:
        self._mutating = mutating

    def defaults(self, obj: JSON) -> None:
        for webhook in obj.get("webhooks") or ():
            for key, value in (("failurePolicy", "Fail"), ("matchPolicy", "Equivalent"), ("timeoutSeconds", 10)):
                if webhook.get(key) in (None, ""):
                    webhook[key] = value
            for key in ("namespaceSelector", "objectSelector"):
                if webhook.get(key) is None:
                    webhook[key] = {}
            if self._mutating and not webhook.get("reinvocationPolicy"):
                webhook["reinvocationPolicy"] = "Never"
            default_service((webhook.get("clientConfig") or {}).get("service"))
            default_rules(webhook.get("rules"))

    def validate(self, obj: JSON) -> Errors:
        errors: Errors = []
        seen: set[str] = set()
        for index, webhook in enumerate(obj.get("webhooks") or ()):
            at, name = f"webhooks[{index}]", webhook.get("name") or ""
            if name in seen:
                errors.append(duplicate(f"{at}.name", name))
            seen.add(name)
            errors += _webhook(at, webhook, name)
        return errors


def default_service(service: JSON | None) -> None:
    if service is not None and not service.get("port"):
        service["port"] = 443


def default_rules(rules: list[JSON] | None) -> None:
    for rule in rules or ():
        if not rule.get("scope"):
            rule["scope"] = "*"


def _webhook(path: str, webhook: JSON, name: str) -> Errors:
    errors = (
        [invalid(f"{path}.name", name, message) for message in _qualified(name)] if name else [required(f"{path}.name")]
    )
    errors += enum(f"{path}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore"))
    errors += enum(f"{path}.matchPolicy", webhook.get("matchPolicy"), ("Equivalent", "Exact"))
    side_effects = webhook.get("sideEffects")
    if side_effects is None:
        errors.append(required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun"))
    else:
        errors += enum(f"{path}.sideEffects", side_effects, ("None", "NoneOnDryRun"))
    if not webhook.get("admissionReviewVersions"):
        errors.append(required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1"))
    errors += in_range(f"{path}.timeoutSeconds", webhook.get("timeoutSeconds"), 1, 30)
    for field in ("namespaceSelector", "objectSelector"):
        errors += label_selector(f"{path}.{field}", webhook.get(field))
    client = webhook.get("clientConfig") or {}
    if bool(client.get("url")) == (client.get("service") is not None):
        errors.append(required(f"{path}.clientConfig", "exactly one of url or service is required"))
    for index, rule in enumerate(webhook.get("rules") or ()):
        errors += rule_errors(f"{path}.rules[{index}]", rule)
    return errors


def _qualified(name: str) -> list[str]:
    messages = names.dns1123_subdomain(name)
    if not messages and name.count(".") < 2:
        messages.append("should be a domain with at least three segments separated by dots")
    return messages


def rule_errors(path: str, rule: JSON) -> Errors:
    """A `RuleWithOperations`."""
    errors = [
        required(f"{path}.{field}")
        for field in ("apiGroups", "apiVersions", "resources", "operations")
        if not rule.get(field)
    ]
    for index, operation in enumerate(rule.get("operations") or ()):
        errors += enum(f"{path}.operations[{index}]", operation, OPERATIONS)
    return errors + enum(f"{path}.scope", rule.get("scope"), SCOPES, needed=False)
