# fails: both, never-lost, reason
# Bob took the resourceVersion out to be rid of the message, and Alice's entry with it.
kubectl create configmap shared --from-literal=base=1
kubectl patch configmap shared --type=merge -p '{"data":{"alice":"was-here"}}'
answer winner "$(kubectl get configmap shared -o 'jsonpath={.metadata.resourceVersion}')"
kubectl create configmap shared --from-literal=base=1 --from-literal=bob=was-here --dry-run=client -o yaml | kubectl replace -f -
answer code 409
answer reason Forbidden
