kubectl create configmap ledger --from-literal=value=one
kubectl patch configmap ledger --type=merge -p '{"data":{"value":"two"}}'
orrery etcd backup "$SPACE/snapshot.db"
kubectl create configmap witness --from-literal=seen=yes
kubectl delete configmap ledger
orrery etcd restore "$SPACE/snapshot.db"
eventually kubectl get configmap ledger
answer key "/registry/configmaps/$NS/ledger"
answer second-revision "$(orrery etcd history "configmap/$NS/ledger" | sed -n 's/^rev \([0-9]*\)  write 2.*/\1/p' | tail -1)"
answer watch-ends 410
