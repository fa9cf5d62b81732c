# fails: evicted, gone, tidy, patience
# Frozen, but no time was given to pass; and left so.
kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/impatient pod/patient --timeout=60s
orrery freeze kubelet-worker-2
answer condition Unknown
answer taint node.kubernetes.io/unreachable
answer patience 300
answer default-patience 300
