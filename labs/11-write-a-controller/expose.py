"""A solution: every Deployment with the label `expose: PORT` has a Service of its name."""

from __future__ import annotations

from kube import Api, Cache, Changes, Object, Refused


def port_of(deployment: Object | None) -> int:
    """0 if it is not to be exposed."""
    text = str((deployment or {"metadata": {}})["metadata"].get("labels", {}).get("expose", ""))
    return int(text) if text.isdigit() else 0


def wanted(deployment: Object) -> Object:
    meta = deployment["metadata"]
    owner = {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"], "uid": meta["uid"], "controller": True,
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": meta["name"], "ownerReferences": [owner]},
        "spec": {"selector": deployment["spec"]["selector"]["matchLabels"], "ports": [{"port": port_of(deployment)}]},
    }


def is_mine(service: Object) -> bool:
    """Made for a Deployment; a Service that somebody made by hand has no owner."""
    return any(one["kind"] == "Deployment" for one in service["metadata"].get("ownerReferences", []))


def differs(service: Object, want: Object) -> bool:
    """Only in what we care about: the apiserver fills in the rest."""
    ports = [one["port"] for one in service["spec"]["ports"]]
    return (
        ports != [one["port"] for one in want["spec"]["ports"]]
        or service["spec"].get("selector") != want["spec"]["selector"]
        or [one["uid"] for one in service["metadata"]["ownerReferences"]]
        != [one["uid"] for one in want["metadata"]["ownerReferences"]]
    )


def reconcile(api: Api, deployments: Cache, services: Cache, name: str) -> None:
    deployment, service = deployments.get(name), services.get(name)
    if service is not None and not is_mine(service):
        return  # somebody else's
    if not port_of(deployment):
        if service is not None and deployment is not None:  # else the garbage collector sees to it
            api.delete(api.path("services", name))
        return
    assert deployment is not None
    want = wanted(deployment)
    if service is None:
        api.create(api.path("services"), want)
    elif differs(service, want):
        service["metadata"]["ownerReferences"] = want["metadata"]["ownerReferences"]
        service["spec"].update(want["spec"])
        api.replace(api.path("services", name), service)


def main() -> None:
    api, changes = Api(), Changes()
    deployments, services = Cache(api, "deployments", changes), Cache(api, "services", changes)
    deployments.wait()
    services.wait()
    while True:
        _, changed = changes.next()
        try:
            reconcile(api, deployments, services, changed["metadata"]["name"])
        except Refused as error:
            # What we went by was not new enough: what is newer is on its way to us, and brings us here again.
            if error.reason not in ("AlreadyExists", "Conflict", "NotFound"):
                raise


if __name__ == "__main__":
    main()
