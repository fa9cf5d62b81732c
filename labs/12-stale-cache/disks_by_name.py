"""A solution: a disk's name follows from its tenant's, so the apiserver refuses a second one, however old our news."""

from __future__ import annotations

import disks
from kube import Api, Cache, Object, Refused


def disk(tenant: Object) -> Object:
    made = disks.disk(tenant)
    del made["metadata"]["generateName"]
    made["metadata"]["name"] = f"{tenant['metadata']['name']}-disk"
    return made


def reconcile(api: Api, tenants: Cache, claims: Cache, name: str) -> None:
    tenant = tenants.get(name)
    if tenant is None or not disks.is_tenant(tenant) or disks.disks_of(claims, name):
        return
    try:
        api.create(api.path("persistentvolumeclaims"), disk(tenant))
    except Refused as error:
        if error.reason != "AlreadyExists":
            raise
        # It is there, and our cache will hear of it. If it is going, we hear when it is gone, and come here again.


if __name__ == "__main__":
    disks.reconcile = reconcile
    disks.main()
