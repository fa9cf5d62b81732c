# fails: history, witness, restored, watch-ends
# The object looks right, but somebody typed it in again.
kubectl create configmap ledger --from-literal=value=one
kubectl patch configmap ledger --type=merge -p '{"data":{"value":"two"}}'
orrery etcd backup "$SPACE/snapshot.db"
answer second-revision "$(kubectl get configmap ledger -o 'jsonpath={.metadata.resourceVersion}')"
kubectl create configmap witness --from-literal=seen=yes
kubectl delete configmap ledger
kubectl create configmap ledger --from-literal=value=two
answer key "/registry/configmaps/$NS/ledger"
answer watch-ends 404
