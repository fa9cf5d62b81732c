# fails: never-deleted, code, winner
# replace --force deletes the object and makes it anew.
kubectl create configmap shared --from-literal=base=1
kubectl create configmap shared --from-literal=base=1 --from-literal=alice=was-here --from-literal=bob=was-here --dry-run=client -o yaml |
  kubectl replace --force -f -
answer winner "$(kubectl get configmap shared -o 'jsonpath={.metadata.resourceVersion}')"
answer code 412
answer reason Conflict
