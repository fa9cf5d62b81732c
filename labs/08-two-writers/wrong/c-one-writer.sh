# fails: three-writes, winner
# Both entries in one write: there was no second writer, and no conflict.
kubectl create configmap shared --from-literal=base=1
answer winner "$(kubectl get configmap shared -o 'jsonpath={.metadata.resourceVersion}')"
kubectl patch configmap shared --type=merge -p '{"data":{"alice":"was-here","bob":"was-here"}}'
answer code 409
answer reason Conflict
