"""A controller: every ConfigMap with the label `app: tenant` has one disk, a PersistentVolumeClaim.

    python3 disks.py

Sometimes a tenant has two, and pays for both. Find out how that comes about, and mend it.
"""

from __future__ import annotations

from kube import Api, Cache, Changes, Object


def disk(tenant: Object) -> Object:
    meta = tenant["metadata"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": meta["name"], "uid": meta["uid"], "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "labels": {"tenant": meta["name"]},
            "ownerReferences": [owner],
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def is_tenant(config: Object | None) -> bool:
    return config is not None and config["metadata"].get("labels", {}).get("app") == "tenant"


def tenant_of(resource: str, obj: Object) -> str:
    """Whom a change concerns: a tenant itself, or the one that a disk belongs to. "" if it is none."""
    meta = obj["metadata"]
    return str(meta["name"] if resource == "configmaps" else meta.get("labels", {}).get("tenant", ""))


def disks_of(claims: Cache, name: str) -> list[Object]:
    return [one for one in claims.all() if one["metadata"].get("labels", {}).get("tenant") == name]


def reconcile(api: Api, tenants: Cache, claims: Cache, name: str) -> None:
    """Compare what this tenant should have with what there is, and do what is lacking."""
    tenant, have = tenants.get(name), disks_of(claims, name)
    if tenant is None or not is_tenant(tenant):
        return
    print(f"{name}: has {len(have)} disks", flush=True)
    if not have:
        made = api.create(api.path("persistentvolumeclaims"), disk(tenant))
        print(f"{name}: made {made['metadata']['name']}", flush=True)


def main() -> None:
    api, changes = Api(), Changes()
    tenants, claims = Cache(api, "configmaps", changes), Cache(api, "persistentvolumeclaims", changes)
    tenants.wait()
    claims.wait()
    print("at work", flush=True)
    while True:
        name = tenant_of(*changes.next())
        if name:
            reconcile(api, tenants, claims, name)


if __name__ == "__main__":
    main()
