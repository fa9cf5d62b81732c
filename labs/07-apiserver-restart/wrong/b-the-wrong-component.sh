# fails: killed, kubelet-stayed, reason
# A kubelet was killed instead.
kubectl create deployment steady --image=orrery/busybox:1 --replicas=3 -- httpd -f -p 80
kubectl create configmap before --from-literal=x=1
answer first-revision "$(kubectl get configmap before -o 'jsonpath={.metadata.resourceVersion}')"
kubectl rollout status deployment/steady --timeout=60s
orrery kill kubelet-worker-1
again() { orrery status | awk '$1 == "kubelet-worker-1" && $2 != "-" && $6 > 0 { found = 1 } END { exit !found }'; }
eventually again
answer code 410
answer reason Conflict
answer then list
