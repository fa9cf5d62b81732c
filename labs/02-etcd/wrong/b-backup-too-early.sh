# fails: value, history, second-revision
# The snapshot is from before the change.
kubectl create configmap ledger --from-literal=value=one
orrery etcd backup "$SPACE/snapshot.db"
kubectl patch configmap ledger --type=merge -p '{"data":{"value":"two"}}'
answer second-revision "$(kubectl get configmap ledger -o 'jsonpath={.metadata.resourceVersion}')"
kubectl create configmap witness --from-literal=seen=yes
kubectl delete configmap ledger
orrery etcd restore "$SPACE/snapshot.db"
eventually kubectl get configmap ledger
answer key "/registry/configmaps/$NS/ledger"
answer watch-ends 410
