"""Your controller: every Deployment with the label `expose: PORT` has a Service of its name.

    python3 my_controller.py

What is yours to write is marked TODO; text.md says what is wanted.
"""

from __future__ import annotations

from kube import Api, Cache, Changes, Object, Refused


def wanted(deployment: Object) -> Object:
    """The Service that this Deployment should have."""
    # TODO: apiVersion, kind, metadata (name, ownerReferences), spec (selector, ports)
    raise NotImplementedError("wanted() is yours to write")


def reconcile(api: Api, deployments: Cache, services: Cache, name: str) -> None:
    """Compare what `name` should have with what there is, and do what is lacking. Called as often as anybody likes."""
    # TODO: deployments.get(name) and services.get(name) give the object, or None.
    #       api.create(api.path("services"), service), api.replace(api.path("services", name), service),
    #       api.delete(api.path("services", name))
    raise NotImplementedError("reconcile() is yours to write")


def main() -> None:
    api, changes = Api(), Changes()
    deployments, services = Cache(api, "deployments", changes), Cache(api, "services", changes)
    deployments.wait()
    services.wait()
    print("at work", flush=True)
    while True:
        _, changed = changes.next()  # a Deployment, or a Service: of either kind, the one of this name
        try:
            reconcile(api, deployments, services, changed["metadata"]["name"])
        except Refused as error:
            # What it went by was not new enough: what is newer is on its way, and brings it here again.
            if error.reason not in ("AlreadyExists", "Conflict", "NotFound"):
                raise


if __name__ == "__main__":
    main()
