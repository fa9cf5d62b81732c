"""CustomResourceDefinitions: new kinds. Whether names are accepted is decided after the write, in its status."""

from __future__ import annotations

from apimachinery import names
from apiserver.registry.admissionregistration.webhooks import default_service
from apiserver.registry.checks import JSON, Errors, duplicate, enum, invalid, named, required, unchanged
from apiserver.registry.strategy import Context, Strategy


class CustomResourceDefinitionStrategy(Strategy):
    tracks_generation = True
    allow_unconditional_update = False

    def defaults(self, obj: JSON) -> None:
        spec = obj.setdefault("spec", {})
        given = spec.setdefault("names", {})
        kind = given.get("kind") or ""
        if not given.get("singular"):
            given["singular"] = kind.lower()
        if not given.get("listKind") and kind:
            given["listKind"] = f"{kind}List"
        conversion = spec["conversion"] = spec.get("conversion") or {"strategy": "None"}
        default_service(((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service"))

    def prepare_for_create(self, ctx: Context, obj: JSON) -> None:
        stored = [version["name"] for version in obj["spec"].get("versions") or () if version.get("storage")]
        accepted = {"plural": "", "kind": ""}
        obj["status"] = {"conditions": [], "acceptedNames": accepted, "storedVersions": stored}

    def prepare_for_update(self, ctx: Context, old: JSON, new: JSON) -> None:
        """The version that is now written joins those that may lie in storage."""
        status = dict(new.get("status") or {})
        stored = list(status.get("storedVersions") or ())
        for version in (new.get("spec") or {}).get("versions") or ():
            if version.get("storage") and version.get("name") not in stored:
                stored.append(version["name"])
        status["storedVersions"] = stored
        new["status"] = status

    def validate(self, obj: JSON) -> Errors:
        spec = obj.get("spec") or {}
        given = spec.get("names") or {}
        group, plural = spec.get("group") or "", given.get("plural") or ""
        errors: Errors = []
        name = obj["metadata"].get("name") or ""
        if name != f"{plural}.{group}":
            errors.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
        errors += named("spec.group", group, names.dns1123_subdomain)
        if group and "." not in group:
            errors.append(invalid("spec.group", group, "should be a domain with at least one dot"))
        errors += enum("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
        errors += named("spec.names.plural", plural, names.dns1035_label)
        errors += named("spec.names.singular", given.get("singular"), names.dns1035_label, needed=False)
        for field in ("kind", "listKind"):
            value = given.get(field) or ""
            wrong = names.dns1035_label(value.lower()) if value else []
            errors += [
                invalid(f"spec.names.{field}", value, f"may have mixed case, but should otherwise match: {text}")
                for text in wrong
            ]
            errors += [] if value else [required(f"spec.names.{field}")]
        return errors + _versions(spec.get("versions") or [])

    def validate_update(self, old: JSON, new: JSON) -> Errors:
        errors = self.validate(new)
        was, now = old["spec"], new["spec"]
        errors += unchanged("spec.group", was.get("group"), now.get("group"))
        established = any(
            one.get("type") == "Established" and one.get("status") == "True"
            for one in (old.get("status") or {}).get("conditions") or ()
        )
        if established:
            errors += unchanged("spec.scope", was.get("scope"), now.get("scope"))
            errors += unchanged("spec.names.kind", was["names"].get("kind"), now["names"].get("kind"))
        return errors


def _versions(versions: list[JSON]) -> Errors:
    errors: Errors = []
    if not versions:
        errors.append(required("spec.versions", "must have at least one version"))
    seen: set[str] = set()
    for index, version in enumerate(versions):
        at, name = f"spec.versions[{index}]", version.get("name") or ""
        errors += named(f"{at}.name", name, names.dns1035_label)
        if name in seen:
            errors.append(duplicate(f"{at}.name", name))
        seen.add(name)
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            errors.append(required(f"{at}.schema.openAPIV3Schema", "schemas are required"))
    if versions and sum(1 for version in versions if version.get("storage")) != 1:
        why = "must have exactly one version marked as storage version"
        errors.append(invalid("spec.versions", [version.get("name") for version in versions], why))
    return errors
