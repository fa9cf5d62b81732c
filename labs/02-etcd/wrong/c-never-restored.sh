# fails: value, history, restored, snapshot, key, second-revision
# Deleted, and no snapshot to bring it back.
kubectl create configmap ledger --from-literal=value=one
kubectl patch configmap ledger --type=merge -p '{"data":{"value":"two"}}'
kubectl delete configmap ledger
echo "not a snapshot" > "$SPACE/snapshot.db"
answer key "/registry/ledger"
answer watch-ends 410
