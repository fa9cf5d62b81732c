# fails: evicted, gone, back, taint
# A cordon keeps new pods away; it moves none.
kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/impatient pod/patient --timeout=60s
kubectl cordon worker-2
answer condition Unknown
answer taint node.kubernetes.io/unschedulable
answer patience 10
answer default-patience 300
