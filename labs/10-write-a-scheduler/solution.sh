log="$SPACE/scheduler.log"
cp "$LAB/least_allocated.py" "$SPACE/"
"$PYTHON" "$SPACE/least_allocated.py" >"$log" 2>&1 &
trap "kill $!" EXIT

kubectl apply -f "$SPACE/plain.yaml"
kubectl wait --for=condition=Ready pod -l app=plain --timeout=60s
kubectl apply -f "$SPACE/hard.yaml"
kubectl wait --for=condition=Ready pod/picky pod/theirs --timeout=60s
kubectl apply -f "$SPACE/big.yaml"
kubectl wait --for=condition=Ready pod/big-1 --timeout=60s
told() { kubectl get events -o 'jsonpath={range .items[*]}{.reason} {.involvedObject.name}{"\n"}{end}' | grep -qx "FailedScheduling $1"; }
eventually told huge
eventually told big-2
kubectl delete pod big-1 --now
kubectl wait --for=condition=Ready pod/big-2 --timeout=60s

orrery swap scheduler -- "$PYTHON" "$SPACE/least_allocated.py" default-scheduler
kubectl run everyday --image=orrery/busybox:1 -- httpd -f -p 80
kubectl wait --for=condition=Ready pod/everyday --timeout=60s
orrery swap scheduler --back

answer nobody Pending
answer overfull kubelet
answer identity system:kube-scheduler
