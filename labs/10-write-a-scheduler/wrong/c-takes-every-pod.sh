# fails: full, again, theirs, swapped, nobody
# It does not look at schedulerName, and was quicker than the cluster's own, which stood still just then.
cp "$LAB/least_allocated.py" "$SPACE/right.py"
cat >"$SPACE/greedy.py" <<'PYTHON'
import right

right.is_mine = lambda pod, name: True
right.work()
PYTHON
"$PYTHON" "$SPACE/greedy.py" >"$SPACE/scheduler.log" 2>&1 &
trap "kill $!" EXIT
kubectl apply -f "$SPACE/plain.yaml"
kubectl wait --for=condition=Ready pod -l app=plain --timeout=60s
orrery freeze scheduler
kubectl apply -f "$SPACE/hard.yaml"
kubectl wait --for=condition=Ready pod/picky pod/theirs --timeout=60s
orrery thaw scheduler
told() { kubectl get events -o 'jsonpath={range .items[*]}{.reason} {.involvedObject.name}{"\n"}{end}' | grep -qx "FailedScheduling $1"; }
eventually told huge
answer nobody Failed
answer overfull "the kubelet"
answer identity system:kube-scheduler
