# fails: repairs, caught-up, how-it-knows
# It acts on each event of a Deployment as it comes; an event that came while it was dead never comes again.
cp "$LAB/expose.py" "$SPACE/right.py"
cat >"$SPACE/my_controller.py" <<'PYTHON'
from kube import Api, Refused
from right import port_of, wanted

api = Api()
path = api.path("deployments")
for what, deployment in api.watch(path, api.get(path)["metadata"]["resourceVersion"]):
    service = api.path("services", deployment["metadata"]["name"])
    try:
        if what == "ADDED" and port_of(deployment):
            api.create(api.path("services"), wanted(deployment))
        elif what == "MODIFIED" and port_of(deployment):
            now = api.get(service)
            if now["spec"]["ports"][0]["port"] != port_of(deployment):
                now["spec"]["ports"] = wanted(deployment)["spec"]["ports"]
                api.replace(service, now)
        elif what == "MODIFIED":
            api.delete(service)
    except Refused as error:
        if error.reason == "NotFound" and port_of(deployment):
            api.create(api.path("services"), wanted(deployment))
PYTHON
"$PYTHON" "$SPACE/my_controller.py" >"$SPACE/controller.log" 2>&1 &
trap "kill $!" EXIT
made() {
  kubectl delete deployment shop --ignore-not-found
  kubectl create deployment shop --image=orrery/busybox:1 --replicas=0 -- httpd -f -p 80
  kubectl label deployment shop expose=80
  kubectl get service shop
}
eventually made
answer collector controller-manager
answer field ownerReferences
answer how-it-knows watch
