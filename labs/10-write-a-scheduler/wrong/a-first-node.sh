# fails: spread, picky, swapped, overfull
# Whatever the pod wants, the first node, if there is room. A kubelet refuses a pod that does not want to be on its node.
cp "$LAB/least_allocated.py" "$SPACE/right.py"
cat >"$SPACE/first.py" <<'PYTHON'
import right

right.suits = lambda pod, node: node["metadata"]["name"] == "worker-1"
right.work()
PYTHON
"$PYTHON" "$SPACE/first.py" >"$SPACE/scheduler.log" 2>&1 &
trap "kill $!" EXIT
kubectl apply -f "$SPACE/plain.yaml" -f "$SPACE/hard.yaml"
kubectl wait --for=condition=Ready pod -l app=plain --timeout=60s
kubectl wait --for=condition=Ready pod/theirs --timeout=60s
kubectl wait --for=jsonpath='{.status.phase}'=Failed pod/picky --timeout=60s
kubectl apply -f "$SPACE/big.yaml"
told() { kubectl get events -o 'jsonpath={range .items[*]}{.reason} {.involvedObject.name}{"\n"}{end}' | grep -qx "FailedScheduling $1"; }
eventually told huge
eventually told big-2
kubectl delete pod big-1 --now
kubectl wait --for=condition=Ready pod/big-2 --timeout=60s
answer nobody Pending
answer overfull apiserver
answer identity system:kube-scheduler
