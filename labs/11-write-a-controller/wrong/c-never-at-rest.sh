# fails: own, calm, collector
# It notes in the Service when it last looked. That is a change, of which it hears, and looks again.
cp "$LAB/expose.py" "$SPACE/right.py"
cat >"$SPACE/my_controller.py" <<'PYTHON'
import time

import right


def wanted(deployment, calm=right.wanted):
    service = calm(deployment)
    service["metadata"]["annotations"] = {"last-seen": str(time.time())}
    return service


def reconcile(api, deployments, services, name, calm=right.reconcile):
    calm(api, deployments, services, name)
    deployment, service = deployments.get(name), services.get(name)
    if service is not None and right.is_mine(service) and right.port_of(deployment):
        service["metadata"]["annotations"] = wanted(deployment)["metadata"]["annotations"]
        api.replace(api.path("services", name), service)


right.reconcile = reconcile
right.main()
PYTHON
answer collector kubelet
answer field metadata.ownerReferences
answer how-it-knows list
