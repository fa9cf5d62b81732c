# fails: resumed, undisturbed, first-revision
# Killed, but nothing was asked of the new one; and the Deployment's revision was taken for the ConfigMap's.
kubectl create deployment steady --image=orrery/busybox:1 --replicas=2 -- httpd -f -p 80
kubectl create configmap before --from-literal=x=1
kubectl rollout status deployment/steady --timeout=60s
answer first-revision "$(kubectl get deployment steady -o 'jsonpath={.metadata.resourceVersion}')"
orrery kill apiserver
eventually kubectl get pods
answer code 410
answer reason Expired
answer then list
