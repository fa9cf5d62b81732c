# fails: evicted, condition, default-patience
# The pod is gone, but nobody evicted it.
kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/impatient pod/patient --timeout=60s
kubectl delete pod impatient
answer condition False
answer taint node.kubernetes.io/unreachable
answer patience 10
answer default-patience 30
