# fails: huge, told, full, again, swapped, identity
# It never asks whether there is room. The kubelet does.
cp "$LAB/least_allocated.py" "$SPACE/right.py"
cat >"$SPACE/roomy.py" <<'PYTHON'
import right

right.has_room = lambda pod, node, pods: True
right.work()
PYTHON
"$PYTHON" "$SPACE/roomy.py" >"$SPACE/scheduler.log" 2>&1 &
trap "kill $!" EXIT
kubectl apply -f "$SPACE/plain.yaml"
kubectl wait --for=condition=Ready pod -l app=plain --timeout=60s
kubectl apply -f "$SPACE/hard.yaml" -f "$SPACE/big.yaml"
kubectl wait --for=condition=Ready pod/picky pod/theirs pod/big-1 --timeout=60s
kubectl wait --for=jsonpath='{.status.phase}'=Failed pod/huge pod/big-2 --timeout=60s
answer nobody Pending
answer overfull kubelet
answer identity my-scheduler
