# fails: own, collected, field
# It deletes the Services of deleted Deployments itself, and is dead when it matters.
cp "$LAB/expose.py" "$SPACE/right.py"
cat >"$SPACE/my_controller.py" <<'PYTHON'
import right


def wanted(deployment, with_owner=right.wanted):
    service = with_owner(deployment)
    service["metadata"] = {"name": service["metadata"]["name"], "labels": {"by": "my-controller"}}
    return service


def reconcile(api, deployments, services, name):
    deployment, service = deployments.get(name), services.get(name)
    if service is not None and "by" not in service["metadata"].get("labels", {}):
        return
    port = right.port_of(deployment)
    if port and service is None:
        api.create(api.path("services"), wanted(deployment))
    elif port and [one["port"] for one in service["spec"]["ports"]] != [port]:
        api.replace(api.path("services", name), {**service, "spec": {**service["spec"], "ports": [{"port": port}]}})
    elif service is not None and not port:
        api.delete(api.path("services", name))


right.reconcile = reconcile
right.main()
PYTHON
kubectl create deployment shop --image=orrery/busybox:1 --replicas=0 -- httpd -f -p 80
kubectl expose deployment shop --port=80
answer collector "garbage collector"
answer field labels
answer how-it-knows list
