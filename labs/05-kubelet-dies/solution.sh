kubectl apply -f "$LAB/pods.yaml"
kubectl wait --for=condition=Ready pod/impatient pod/patient --timeout=60s
orrery freeze kubelet-worker-2
orrery clock step 58s
answer condition "$(kubectl get node worker-2 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')"
answer taint "$(kubectl get node worker-2 -o 'jsonpath={.spec.taints[?(@.effect=="NoExecute")].key}')"
orrery clock step 15s
orrery thaw kubelet-worker-2
eventually sh -c "kubectl --context $CONTEXT get node worker-2 | grep -qw Ready"
kubectl wait --for=delete pod/impatient --timeout=60s
answer patience 10
answer default-patience 300
