# fails: killed, code, then
# It all works, but the apiserver never went away.
kubectl create deployment steady --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
kubectl create configmap before --from-literal=x=1
answer first-revision "$(kubectl get configmap before -o 'jsonpath={.metadata.resourceVersion}')"
kubectl rollout status deployment/steady --timeout=60s
answer code 404
answer reason Gone
answer then get
